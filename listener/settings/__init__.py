"""What a user chooses: which images, in which order, and what becomes of them afterwards."""
