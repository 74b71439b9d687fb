"""The commands of `filterfleet`, one file each."""
