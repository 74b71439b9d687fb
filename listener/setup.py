"""A listener over any engine, and what it needs of a user's choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.jobs.engine import Engine
from filterfleet.common.jobs.extensions import unreadable_formats
from filterfleet.common.jobs.names import SIDECAR
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.metrics.families import Family
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener.claim import Guard
from filterfleet.listener.core.settings import Failures
from filterfleet.listener.failed import FAILED
from filterfleet.listener.interfaces import Sink, Source
from filterfleet.listener.ledger.ledger import Failure, Ledger
from filterfleet.listener.ledger.opening import ledger_file
from filterfleet.listener.orders.box import Box
from filterfleet.listener.previews.engine import Previewing
from filterfleet.listener.previews.store import PreviewStore
from filterfleet.listener.service import Hints, ListenerService
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.settings.location import Location
from filterfleet.listener.settings.options import Options
from filterfleet.listener.settings.selection import DEFAULT_EXCLUDES, Selection
from filterfleet.listener.shares import Exchange, Sharing
from filterfleet.listener.state import LOCK, PRIVATE


def guard_of(source: Location, output: Location, state: Path | None) -> Guard:
    """Watches over the ledger, and over the lock of a local output. Both are open."""
    locks = [output / PRIVATE / LOCK] if isinstance(output, Path) else []
    return Guard(ledger_file(source, output, state), *locks)


def selection_of(options: ListenerOptions, source: Location) -> Selection:
    """Raises FleetError for a pattern that cannot match anything, and for a remote that is to be sniffed."""
    if options.sniff and not isinstance(source, Path):
        raise FleetError(f"--sniff looks into local files only, and {source} is a remote: leave --sniff out.")
    return Selection(
        tuple(options.include),
        tuple(options.exclude),
        options.max_size,
        never=() if options.no_default_excludes else DEFAULT_EXCLUDES,
        sniff=options.sniff,
        unreadable=unreadable_formats(),
    )


def check_recipe_for(options: Options, recipe: Recipe) -> None:
    """Raises FleetError when an output has the name of the folder for failures or sidecars."""
    if options.failures is not Failures.OFF and any(output.name == FAILED for output in recipe.outputs):
        raise FleetError(
            f"The recipe has an output called {FAILED}, but that folder gets the images that cannot be processed: "
            "call the output something else, or say --failed off."
        )
    if options.sidecar and any(output.name == SIDECAR for output in recipe.outputs):
        raise FleetError(
            f"The recipe has an output called {SIDECAR}, but that folder gets the sidecars: call the output something "
            "else, or leave --sidecar out."
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
    orders: Box | None = None,
    hints: Hints | None = None,
    exchange: Exchange | None = None,
    previews: PreviewStore | None = None,
    tell: Callable[[Callable[[], list[Family]]], None] = lambda _families: None,
    telling: Callable[[Mapping[str, str], Notifier], None] | None = None,
) -> list[Failure]:
    """Run a listener until it is told to stop or, with options.once, until the end of the work.

    orders is where people put theirs while it runs, hints where others say what has changed. With an exchange, images
    go by reference where that works. previews is where small pictures are kept, if they are wanted. turned is called in
    every turn of the loop, tell as well, with a way to look at the metrics, and telling, with the places that cannot be
    used now and why; interrupt is called at the end, to cut short what source and sink are doing. Returns everything
    that has failed by then. Raises FleetError, and InterruptedRunError when options.once is set and it was stopped
    before the end of the work.
    """
    check_recipe_for(options, recipe)
    folders = [output.name for output in recipe.outputs]
    folders += [FAILED] * (options.failures is not Failures.OFF) + [SIDECAR] * options.sidecar
    sink.check(folders)
    shared = engine if exchange is None else Sharing(engine, exchange)
    previewing = None if previews is None else Previewing(shared, recipe, previews.put)
    service = ListenerService(options, recipe, previewing or shared, ledger, source, sink, orders, hints, exchange)

    notifier = Notifier()

    def look() -> None:
        turned()
        if telling is not None:
            telling(service.troubles, notifier)
        if exchange is not None:
            exchange.look()
        tell(service.families)

    try:
        service.run(stop, notifier, look, interrupt)
    finally:
        if previewing is not None:
            previewing.finish()
    if options.once and not service.finished:
        raise InterruptedRunError("Stopped before everything was done: the same command goes on from here.")
    return [*(Failure(folder, reason) for folder, reason in service.unread.items()), *ledger.failures()]
