"""What a row is made of, and what training takes of it."""
