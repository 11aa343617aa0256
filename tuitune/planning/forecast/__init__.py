"""How much memory a recipe takes."""
