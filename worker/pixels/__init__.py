"""Arrays of pixels, and the libraries that work on them, set up for a worker."""
