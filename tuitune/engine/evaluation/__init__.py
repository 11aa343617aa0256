"""The model as it stands: held-out loss, answers, samples."""
