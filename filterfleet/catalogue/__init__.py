"""The catalogue of filters in words and in pictures, and what a recipe does."""
