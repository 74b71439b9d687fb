"""The worker daemon: a pure session, a loop that owns the socket, a pool of threads, and the image pipeline."""
