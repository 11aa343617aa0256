"""The data workbench: rows, problems, cleaning, tokens and the mask."""
