"""A run on disk: its directory, journals, checkpoints, and who holds it."""
