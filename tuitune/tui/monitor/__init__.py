"""The monitor: one run as it happens, or as it was."""
