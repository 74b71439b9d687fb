"""From command line values to a running listener, or to the sentence that says why not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from common.client import Client
from common.engine import Engine
from common.errors import FleetError, InterruptedRunError
from common.logs import get_logger
from common.notify import Notifier
from common.recipe import Recipe
from common.wakeup import StopSignal
from listener.ledger import Failure, Ledger
from listener.placement import PRIVATE, OutputTree
from listener.service import ListenerService, Options

log = get_logger("listener")


def check_folders(source: Path, output: Path) -> tuple[Path, Path]:
    """Both as absolute paths. Raises FleetError unless they can be a source and an output."""
    if not os.path.exists(source):  # noqa: PTH110 - unlike Path's it is False, too, for a name no file can have
        raise FleetError(f"The source folder {source} does not exist.")
    if not source.is_dir():
        raise FleetError(f"The source {source} is not a folder.")
    if not os.access(source, os.R_OK | os.X_OK):
        raise FleetError(f"The source folder {source} cannot be read.")
    source, output = Path(os.path.realpath(source)), Path(os.path.realpath(output))  # no error for a loop of links
    if source == output or source in output.parents or output in source.parents:
        raise FleetError(
            f"The output folder {output} and the source folder {source} overlap: results would be taken "
            "for new images. Choose an output folder outside the source."
        )
    return source, output


def open_ledger(source: Path, output: Path, state: Path | None, recipe: Recipe) -> Ledger:
    """The ledger of this source, as check_folders returned both. Raises FleetError."""
    return Ledger((state or output / PRIVATE) / "ledger.sqlite3", str(source), recipe.digest.hex())


def serve(
    options: Options,
    tree: OutputTree,
    ledger: Ledger,
    engine: Engine,
    recipe: Recipe,
    *,
    stop: StopSignal,
    turned: Callable[[], None] = lambda: None,
) -> list[Failure]:
    """Run a listener until it is told to stop or, with options.once, until the end of the work.

    options.source and tree.root are as check_folders returned them; turned is called in every turn of the loop.
    Returns what has failed by then. Raises FleetError, and of that InterruptedRunError when the end of the work was
    not reached.
    """
    service = ListenerService(options, recipe, engine, ledger, tree)
    service.run(stop, Notifier(), turned)
    if options.once and not service.finished:
        raise InterruptedRunError("Stopped before everything was done: the same command goes on from here.")
    return [*(Failure(folder, reason) for folder, reason in service.unread.items()), *ledger.failures()]


class MissingFilters:
    """Looks whether the fleet can run a recipe, and says so once in the log when it cannot: its images would wait, and
    nobody would know for what."""

    def __init__(self, recipe: Recipe, client: Client) -> None:
        self._filters = recipe.filters
        self._client = client
        self._said = False

    def look(self) -> None:
        """Cheap: for every turn of a loop. As long as there is no worker, nothing is known."""
        fleet = self._client.catalogue
        if fleet.threads and not self._said and (missing := self._filters.difference(fleet.filters)):
            self._said = True
            log.warning(
                "no worker has these filters: images wait for one that does", filters=", ".join(sorted(missing))
            )
