"""The only package that knows rclone: how it is run, and what the listener asks it about files of remotes."""
