"""CURVE keys: the folders that hold them, how keys are made, and the handshakes that show them."""
