"""Folders of a remote, as a source and as an output, by way of rclone."""
