"""The only package that knows rclone: what the listener asks of a remote, and how rclone is made to do it."""
