"""Compose: a recipe as forms, its pickers, its launch."""
