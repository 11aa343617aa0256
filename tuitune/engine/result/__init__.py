"""What a run leaves behind: the adapter or the model, checked, with its card."""
