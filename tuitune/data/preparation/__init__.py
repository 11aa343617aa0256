"""From the rows of a recipe to those that are trained on."""
