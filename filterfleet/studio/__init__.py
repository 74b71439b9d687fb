"""Trying a recipe on a photograph: a confined process that does the work, and what speaks with it."""
