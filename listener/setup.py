"""From command line values to a running listener, or to the sentence that says why not."""

from __future__ import annotations

import hashlib
import os
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
from filterfleet.listener.local.sink import PRIVATE
from filterfleet.listener.service import ListenerService
from filterfleet.listener.settings.location import Location, Remote, parse_location
from filterfleet.listener.settings.options import Failures, Options

log = get_logger("listener")


def check_locations(source: str, output: str) -> tuple[Location, Location]:
    """What the user wrote, parsed; folders as absolute paths. Raises FleetError unless they can be a source and an
    output. Nothing is asked of a cloud."""
    there, here = parse_location(source), parse_location(output)
    if isinstance(there, Path) and isinstance(here, Path):
        return check_folders(there, here)
    if isinstance(there, Path):
        return check_source(there), here
    if isinstance(here, Path):
        return there, Path(os.path.realpath(here))
    check_roots(str(there), str(here))
    return there, here


def check_folders(source: Path, output: Path) -> tuple[Path, Path]:
    """The same for two local folders."""
    source, output = check_source(source), Path(os.path.realpath(output))  # no error for a loop of links
    check_roots(str(source), str(output))
    return source, output


def check_roots(source: str, output: str) -> None:
    """Raises FleetError when one of two places is the other, or is in it. A remote ends with a colon."""
    one, other = (root if root.endswith((":", "/")) else f"{root}/" for root in (source, output))
    if one.startswith(other) or other.startswith(one):
        raise FleetError(
            f"The output folder {output} and the source folder {source} overlap: results would be taken "
            "for new images. Choose an output folder outside the source."
        )


def check_source(source: Path) -> Path:
    """The absolute path of a local source. Raises FleetError."""
    if not os.path.exists(source):  # noqa: PTH110 - unlike Path's it is False, too, for a name no file can have
        raise FleetError(f"The source folder {source} does not exist.")
    if not source.is_dir():
        raise FleetError(f"The source {source} is not a folder.")
    if not os.access(source, os.R_OK | os.X_OK):
        raise FleetError(f"The source folder {source} cannot be read.")
    return Path(os.path.realpath(source))


def state_folder(source: Location, output: Location, state: Path | None) -> Path:
    """Where the ledger is, and all else that belongs to this source and output: the folder given, or else one in a
    local output, or else one of this user's."""
    if state is not None:
        return state.absolute()
    if isinstance(output, Path):
        return output / PRIVATE
    return _base() / _name(f"{source}\n{output}")


def output_lock(output: Remote) -> Path:
    """The file that stands for a remote output among the listeners of this user."""
    return _base() / "outputs" / _name(str(output))


def _name(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _base() -> Path:
    """STATE_DIRECTORY is a service manager's word, the other one the XDG Base Directory Specification's."""
    if of_service := os.environ.get("STATE_DIRECTORY"):
        return Path(of_service.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "filterfleet"


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
