"""The ledger that belongs to a source and an output, and where it is."""

from __future__ import annotations

from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.private import FOLDER, close_file, make_private_file, make_private_folder
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.secrets import forget_secrets
from filterfleet.listener.settings.location import Location, Remote, parse_location
from filterfleet.listener.state import state_folder

LEDGER = "ledger.sqlite3"  # in the state folder


def open_ledger(source: Location, output: Location, state: Path | None, recipe: Recipe) -> Ledger:
    """Source and output are as check_locations returned them. Nobody else can read what is in the ledger. Raises
    FleetError."""
    folder = state_folder(source, output, state)
    file = folder / LEDGER
    try:
        if state is None:
            make_private_folder(folder)
        else:  # the user's own, who may keep other things in it
            folder.mkdir(FOLDER, parents=True, exist_ok=True)
        make_private_file(file)
        for suffix in ("-wal", "-shm"):  # SQLite makes new ones with the mode of the ledger
            close_file(file.with_name(file.name + suffix))
    except OSError as error:
        raise FleetError(f"The ledger {file} cannot be opened: {error}.") from None
    forget_secrets(file)
    return Ledger(file, str(source), recipe.digest.hex())


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
