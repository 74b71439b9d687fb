"""Arrays of pixels, the arithmetic that every room needs of them, and the two libraries that work on them."""
