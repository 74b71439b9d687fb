"""Photographs that ship with the package, and what the demo shows of them."""
