"""Everything with torch: one process a task, started as `python -m tuitune.engine`, never imported by another room."""
