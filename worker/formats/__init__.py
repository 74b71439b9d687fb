"""Image files: what they say of themselves, to arrays, and back."""

from worker.formats.decode import decode
from worker.formats.encode import Target, encode, over_white
from worker.formats.facts import Header
from worker.formats.header import read_header
from worker.formats.metadata import Carried, carried, fitting_to
from worker.formats.sniff import sniff

__all__ = [
    "Carried",
    "Header",
    "Target",
    "carried",
    "decode",
    "encode",
    "fitting_to",
    "over_white",
    "read_header",
    "sniff",
]
