"""What would work but is unwise, each with its fix."""
