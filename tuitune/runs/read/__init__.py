"""What a run amounts to, read from its directory alone."""
