"""The process that watches over a run."""
