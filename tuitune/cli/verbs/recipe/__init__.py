"""Verbs on recipes."""
