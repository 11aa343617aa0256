"""What decides how training goes on: requests, tuning, limits, and its end."""
