"""Data looked through from end to end."""
