"""Configurations of other trainers read into recipes: one file a trainer, with what becomes of each of its keys."""
