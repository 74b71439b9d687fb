"""Huge images in bounded memory: strips of rows stream through all chains of a recipe at once."""

from filterfleet.worker.strips.needs import Cost, cheapest
from filterfleet.worker.strips.run import Streamed, obstacle, process_in_strips

__all__ = ["Cost", "Streamed", "cheapest", "obstacle", "process_in_strips"]
