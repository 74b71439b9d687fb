"""The ledger that belongs to a source and an output, and where it is."""

from __future__ import annotations

from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.location import Location, Remote, parse_location
from filterfleet.listener.state import state_folder

LEDGER = "ledger.sqlite3"  # in the state folder


def open_ledger(source: Location, output: Location, state: Path | None, recipe: Recipe) -> Ledger:
    """Source and output are as check_locations returned them. Raises FleetError."""
    return Ledger(state_folder(source, output, state) / LEDGER, str(source), recipe.digest.hex())


def ledger_of(output: str | None, state: Path | None) -> Path:
    """The ledger that a listener with these options uses; one of the two is given. Raises FleetError for an output in a
    cloud without the folder of the ledger: that depends on the source, too.
    """
    if state is not None:
        return state / LEDGER
    place = parse_location(output or "")
    if isinstance(place, Remote):
        raise FleetError(f"{place} is in a cloud, and its ledger is on this machine: name its folder with --state.")
    return state_folder(place, place, None) / LEDGER
