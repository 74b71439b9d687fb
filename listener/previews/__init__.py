"""Small pictures of images and their outputs, for people who look: made by workers, kept beside the ledger."""
