"""From rows to tokens: the template, what is learned, and what is said of it."""
