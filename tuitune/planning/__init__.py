"""WILL IT FIT: parameter counts, the memory figure and what to look at before a launch."""
