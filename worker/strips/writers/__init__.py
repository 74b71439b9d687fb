"""Image files written band by band."""

from worker.strips.writers.writer import NOTHING_CARRIED, Metadata, Ordered, Writer, check_output, open_writer

__all__ = ["NOTHING_CARRIED", "Metadata", "Ordered", "Writer", "check_output", "open_writer"]
