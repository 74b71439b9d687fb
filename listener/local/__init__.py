"""A folder on this machine, as a source and as an output."""
