"""The ledger that belongs to a source and an output."""

from __future__ import annotations

from pathlib import Path

from filterfleet.common.jobs.recipe import Recipe
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.location import Location
from filterfleet.listener.state import state_folder


def open_ledger(source: Location, output: Location, state: Path | None, recipe: Recipe) -> Ledger:
    """Source and output are as check_locations returned them. Raises FleetError."""
    return Ledger(state_folder(source, output, state) / "ledger.sqlite3", str(source), recipe.digest.hex())
