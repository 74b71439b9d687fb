"""From command line values to a running listener, or to the sentence that says why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from filterfleet.common.client.client import Client
from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.jobs.engine import Engine
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import get_logger
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener.failed import FAILED
from filterfleet.listener.interfaces import Sink, Source
from filterfleet.listener.ledger.ledger import Failure, Ledger
from filterfleet.listener.service import ListenerService
from filterfleet.listener.settings.location import Location
from filterfleet.listener.settings.options import Failures, Options
from filterfleet.listener.state import state_folder

log = get_logger("listener")


def open_ledger(source: Location, output: Location, state: Path | None, recipe: Recipe) -> Ledger:
    """The ledger of this source, as check_locations returned both. Raises FleetError."""
    return Ledger(state_folder(source, output, state) / "ledger.sqlite3", str(source), recipe.digest.hex())


def check_recipe_for(options: Options, recipe: Recipe) -> None:
    """Raises FleetError when an output has the name of the folder for failures."""
    if options.failures is not Failures.OFF and any(output.name == FAILED for output in recipe.outputs):
        raise FleetError(
            f"The recipe has an output called {FAILED}, where the images go that cannot be processed: "
            "call it something else, or say --failed off."
        )


def serve(
    options: Options,
    source: Source,
    sink: Sink,
    ledger: Ledger,
    engine: Engine,
    recipe: Recipe,
    *,
    stop: StopSignal,
    turned: Callable[[], None] = lambda: None,
    interrupt: Callable[[], None] = lambda: None,
) -> list[Failure]:
    """Run a listener until it is told to stop or, with options.once, until the end of the work.

    turned is called in every turn of the loop; interrupt at the end, to cut short what is under way at source and sink.
    Returns what has failed by then. Raises FleetError, and of that InterruptedRunError when the end of the work was
    not reached.
    """
    check_recipe_for(options, recipe)
    service = ListenerService(options, recipe, engine, ledger, source, sink)
    service.run(stop, Notifier(), turned, interrupt)
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
