"""WHERE: live GPUs and memory, models on this machine and the facts in their config.json."""
