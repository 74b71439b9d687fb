"""Image files written band by band."""

from filterfleet.worker.strips.writers.writer import Ordered, Writer, check_output, open_writer

__all__ = ["Ordered", "Writer", "check_output", "open_writer"]
