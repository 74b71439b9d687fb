"""The catalogue of filters, in words and in pictures."""
