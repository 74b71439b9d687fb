"""The ledger that belongs to a source and an output, and where it is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.ours import check_file_in, make_file_in, own_folder
from filterfleet.common.private import FOLDER, close_to_others
from filterfleet.common.text import printable
from filterfleet.listener.ledger.form import is_counted
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.reading import reader
from filterfleet.listener.ledger.secrets import forget_secrets
from filterfleet.listener.settings.location import Location, parse_location
from filterfleet.listener.state import state_folder, state_folders

LEDGER = "ledger.sqlite3"  # in the state folder


def open_ledger(source: Location, output: Location, state: Path | None, recipe: Recipe) -> Ledger:
    """Source and output are as check_locations returned them. Nobody else can read what is in the ledger.

    SQLite opens its files by their names, so they are checked first. Raises FleetError, also when they are not ours.
    """
    file = ledger_file(source, output, state)
    with own_folder(file.parent) as folder:
        if state is None:  # else it is the user's own, who may keep other things in it
            close_to_others(folder, FOLDER)
        make_file_in(folder, file.name, file)
        for name in (f"{file.name}-wal", f"{file.name}-shm", f"{file.name}-journal"):
            check_file_in(folder, name, file.with_name(name))
        if not os.path.samestat(os.stat(file.name, dir_fd=folder, follow_symlinks=False), file.lstat()):
            raise FleetError(f"{printable(str(file))} was replaced while it was being opened.")
    forget_secrets(file)
    return Ledger(file, str(source), recipe.digest.hex(), str(output))


def ledger_file(source: Location, output: Location, state: Path | None) -> Path:
    """Where that ledger is."""
    return state_folder(source, output, state) / LEDGER


def ledger_of(output: str | None, state: Path | None) -> Path:
    """The ledger that a listener with these options uses; one of the two is given.

    The ledger of an output in a cloud is looked for among those of this user, for its folder depends on the source,
    too. Raises FleetError when there is none, or more than one.
    """
    if state is not None:
        return state / LEDGER
    place = parse_location(output or "")
    if isinstance(place, Path):
        return ledger_file(place, place, None)
    found = [file for folder in state_folders() if str(place) in _outputs_of(file := folder / LEDGER)]
    if len(found) > 1:
        raise FleetError(f"Several ledgers of this user are about {place}: name the source with --source.")
    if not found:
        raise FleetError(f"{place} is in a cloud, and its ledger is on this machine: name its folder with --state.")
    return found[0]


def _outputs_of(file: Path) -> list[str]:
    """The names of the outputs that a ledger is about; none if it cannot be read."""
    with contextlib.suppress(FleetError), reader(file) as db:
        if is_counted(db):
            return [name for (name,) in db.execute("SELECT output FROM sources WHERE output IS NOT NULL")]
    return []
