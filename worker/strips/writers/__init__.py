"""Image files written band by band."""

from worker.strips.writers.writer import Metadata, Ordered, Writer, check_output, open_writer

__all__ = ["Metadata", "Ordered", "Writer", "check_output", "open_writer"]
