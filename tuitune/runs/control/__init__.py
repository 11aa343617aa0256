"""Requests to a run, and changes of its recipe."""
