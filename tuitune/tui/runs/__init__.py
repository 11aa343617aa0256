"""Home: the list of runs."""
