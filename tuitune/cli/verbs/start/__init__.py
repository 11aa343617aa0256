"""Verbs that start a run."""
