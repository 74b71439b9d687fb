"""Image files: what they say of themselves, to arrays, and back."""

from worker.formats.decode import decode
from worker.formats.encode import encode
from worker.formats.sniff import sniff

__all__ = ["decode", "encode", "sniff"]
