"""The steps of training: the trainer, what happens between its steps, checkpoints, health."""
