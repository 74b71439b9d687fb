"""Folders that a listener and its workers both see, so that no image has to pass the broker between them."""
