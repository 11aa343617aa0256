"""The tables of a recipe, a file each: its settings, with the rules that belong to it alone."""
