"""CURVE keys: folders that hold them, how they are made, and the handshakes that show them."""
