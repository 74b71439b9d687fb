"""Folders of this machine, as a source and as an output."""
