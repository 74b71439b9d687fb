"""Image files: what they say of themselves, to arrays, and back."""

from filterfleet.worker.formats.decode import decode
from filterfleet.worker.formats.encode import encode
from filterfleet.worker.formats.facts import Header
from filterfleet.worker.formats.header import read_header
from filterfleet.worker.formats.metadata import Carried, carried, fitting_to
from filterfleet.worker.formats.sniff import sniff
from filterfleet.worker.formats.target import Target

__all__ = ["Carried", "Header", "Target", "carried", "decode", "encode", "fitting_to", "read_header", "sniff"]
