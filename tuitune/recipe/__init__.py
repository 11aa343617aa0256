"""WHAT to train: the recipe, its presets, its checks and its TOML form."""
