"""Folders of remotes as a source and as an output, reached through rclone."""
