"""The broker: a pure scheduling core and a socket loop around it."""
