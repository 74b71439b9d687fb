"""From a user's options to a running listener, or to the sentence that says why there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.jobs.engine import Engine
from filterfleet.common.jobs.extensions import unreadable_formats
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.jobs.recipe_file import Check
from filterfleet.common.jobs.shipped import find_recipe
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener.audit import LocalOutput
from filterfleet.listener.claim import Guard
from filterfleet.listener.core.settings import DISK, Failures
from filterfleet.listener.ends import Cloud, open_ends
from filterfleet.listener.failed import FAILED
from filterfleet.listener.heal import Healer
from filterfleet.listener.interfaces import Sink, Source
from filterfleet.listener.ledger.ledger import Failure, Ledger
from filterfleet.listener.ledger.opening import LEDGER, ledger_file, open_ledger
from filterfleet.listener.missing_filters import MissingFilters
from filterfleet.listener.orders.box import Box
from filterfleet.listener.service import ListenerService
from filterfleet.listener.settings.aftermath import Keep, parse_after
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.settings.location import Location, check_locations
from filterfleet.listener.settings.options import Options
from filterfleet.listener.settings.selection import DEFAULT_EXCLUDES, Selection
from filterfleet.listener.state import LOCK, PRIVATE
from filterfleet.listener.upkeep import Upkeep

REMOTE_INTERVAL, LOCAL_INTERVAL = 15.0, 5.0  # seconds between scans, unless the user says otherwise


@dataclass(frozen=True, slots=True)
class Ending:
    """What a listener leaves behind when it ends: everything that has failed, and how many files of each kind are no
    images (listener.core.left_alone)."""

    failures: list[Failure]
    left_alone: Mapping[str, int]


def run_listener(options: ListenerOptions, check: Check) -> Ending:
    """Run the listener that a user asked for, on the fleet of a broker, as serve does. check is for a recipe in a file.

    Raises FleetError, and with options.once InterruptedRunError when it was stopped before the end of the work.
    """
    check_brokers(options.broker)
    recipe = find_recipe(options.recipe, check)
    there, here = check_locations(options.source, options.output)
    selection = selection_of(options, there)
    after = parse_after(options.after)
    cloud = Cloud(options.rclone_config, options.bandwidth, options.transfers)
    state, once = options.state, options.once
    failures: list[Failure] = []
    left_alone: Mapping[str, int] = {}
    with contextlib.ExitStack() as stack:
        if not once:  # a daemon that is told to stop while it waits for a remote has done what it was told
            stack.enter_context(contextlib.suppress(InterruptedRunError))
        stop = stack.enter_context(contextlib.closing(StopSignal()))
        ends = stack.enter_context(
            open_ends(there, here, state, cloud, selection, after, links=options.follow_links, stop=stop, once=once)
        )
        ledger = stack.enter_context(contextlib.closing(open_ledger(there, here, state, recipe)))
        home = ledger_file(there, here, state).parent
        upkeep = stack.enter_context(contextlib.closing(Upkeep(ledger, home, str(there), options.keep_days)))
        orders = stack.enter_context(contextlib.closing(Box(home, str(there))))
        stack.enter_context(orders.taken())
        if options.heal:
            folder = LocalOutput(_healed(here), links=options.follow_links)
            stack.enter_context(contextlib.closing(Healer(home / LEDGER, str(there), folder, orders.put)))
        client = stack.enter_context(Client(options.broker, options.frontend_port, options.keys))
        if once:
            require_broker(client, options.broker, options.frontend_port, stopped=lambda: stop.is_set)
        missing = MissingFilters(recipe, client)
        guard = guard_of(there, here, state)

        def turned() -> None:
            guard.look()
            missing.look()
            upkeep.turn()

        failures += serve(
            _for_service(options, remote=ends.source.remote, departs=after != Keep()),
            ends.source,
            ends.sink,
            ledger,
            client,
            recipe,
            stop=stop,
            turned=turned,
            interrupt=ends.interrupt,
            orders=orders,
        )
        left_alone = ledger.left_alone()
    return Ending(failures, left_alone)


def _healed(output: Location) -> Path:
    """Raises FleetError for an output that nobody can look at as often as that takes."""
    if isinstance(output, Path):
        return output
    raise FleetError(f"--heal looks into local outputs, and {output} is a remote: use `filterfleet redo --missing`.")


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


def _for_service(options: ListenerOptions, *, remote: bool, departs: bool) -> Options:
    return Options(
        settle=options.settle,
        interval=options.interval or (REMOTE_INTERVAL if remote else LOCAL_INTERVAL),
        once=options.once,
        backfill=options.backfill,
        failures=options.failed,
        departs=departs,
        transfers=options.transfers,
        spool=options.spool_limit or DISK,
    )


def check_recipe_for(options: Options, recipe: Recipe) -> None:
    """Raises FleetError when an output has the name of the folder for failures."""
    if options.failures is not Failures.OFF and any(output.name == FAILED for output in recipe.outputs):
        raise FleetError(
            f"The recipe has an output called {FAILED}, but that folder gets the images that cannot be processed: "
            "call the output something else, or say --failed off."
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
) -> list[Failure]:
    """Run a listener until it is told to stop or, with options.once, until the end of the work.

    orders is where people put theirs while it runs. turned is called in every turn of the loop; interrupt is called at
    the end, to cut short what source and sink are doing. Returns everything that has failed by then. Raises FleetError,
    and InterruptedRunError when options.once is set and it was stopped before the end of the work.
    """
    check_recipe_for(options, recipe)
    sink.check([*(output.name for output in recipe.outputs), *[FAILED] * (options.failures is not Failures.OFF)])
    service = ListenerService(options, recipe, engine, ledger, source, sink, orders)
    service.run(stop, Notifier(), turned, interrupt)
    if options.once and not service.finished:
        raise InterruptedRunError("Stopped before everything was done: the same command goes on from here.")
    return [*(Failure(folder, reason) for folder, reason in service.unread.items()), *ledger.failures()]
