"""The worker daemon and the image pipeline. Its rooms are layers: see the import contracts in pyproject.toml."""
