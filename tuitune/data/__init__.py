"""WITH WHAT: sources of rows, their shapes, and what is wrong with them."""
