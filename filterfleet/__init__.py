"""The command line of filterfleet; it wires the roles together and does nothing else."""
