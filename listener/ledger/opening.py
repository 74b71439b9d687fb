"""The ledger that belongs to a source and an output."""

from __future__ import annotations

import os
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.ours import check_file_in, file_in, own_folder
from filterfleet.common.text import printable
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.location import Location
from filterfleet.listener.state import state_folder


def open_ledger(source: Location, output: Location, state: Path | None, recipe: Recipe) -> Ledger:
    """Source and output are as check_locations returned them.

    SQLite opens its files by their names, so they are checked first. Raises FleetError, also when they are not ours.
    """
    file = ledger_file(source, output, state)
    with own_folder(file.parent) as folder:
        descriptor = file_in(folder, file.name, file)
        try:
            for name in (f"{file.name}-wal", f"{file.name}-shm", f"{file.name}-journal"):
                check_file_in(folder, name, file.with_name(name))
            if not os.path.samestat(os.fstat(descriptor), file.lstat()):
                raise FleetError(f"{printable(str(file))} was replaced while it was being opened.")
        finally:
            os.close(descriptor)
    return Ledger(file, str(source), recipe.digest.hex())


def ledger_file(source: Location, output: Location, state: Path | None) -> Path:
    """Where that ledger is."""
    return state_folder(source, output, state) / "ledger.sqlite3"
