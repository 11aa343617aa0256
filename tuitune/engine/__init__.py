"""EVERYTHING WITH TORCH: one process a task, started by `python -m tuitune.engine`, never imported."""
