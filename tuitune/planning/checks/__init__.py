"""What would keep a recipe from training: its model, data, device, and libraries."""
