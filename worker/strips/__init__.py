"""Huge images in bounded memory: strips of rows stream through all chains of a recipe at once."""

from worker.strips.run import Streamed, process_in_strips

__all__ = ["Streamed", "process_in_strips"]
