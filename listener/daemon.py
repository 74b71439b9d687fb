"""The listener of a fleet: from a user's options to one that runs, or to the sentence that says why there is none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filterfleet.common.address import Address
from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.config.config import Config
from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.jobs.recipe_file import Check
from filterfleet.common.jobs.shipped import find_recipe
from filterfleet.common.keys.folders import PeerKeys, Role, peer_keys
from filterfleet.common.logs import get_logger
from filterfleet.common.metrics.board import Board
from filterfleet.common.metrics.families import Family
from filterfleet.common.metrics.processes import process_families
from filterfleet.common.metrics.serving import serving
from filterfleet.common.metrics.telling import Teller
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.temporary import warn_if_passed_over
from filterfleet.common.words import LOOKS_AT_SOURCE, OPENS_LEDGER, Counts, no_broker
from filterfleet.listener.audit import LocalOutput
from filterfleet.listener.core.settings import DISK
from filterfleet.listener.ends import Cloud, Ends, open_ends
from filterfleet.listener.heal import Healer
from filterfleet.listener.interfaces import Source
from filterfleet.listener.ledger.ledger import Failure
from filterfleet.listener.ledger.opening import LEDGER, ledger_file, open_ledger
from filterfleet.listener.metrics import disk_families, fleet_families
from filterfleet.listener.orders.box import Box
from filterfleet.listener.present import PresentFile
from filterfleet.listener.previews.store import PreviewStore
from filterfleet.listener.reloading import Reloading
from filterfleet.listener.service import Hints, ReopenError
from filterfleet.listener.settings.aftermath import After, Keep, parse_after
from filterfleet.listener.settings.hints import parse_hints, read_token
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.settings.location import Location, Remote, check_locations
from filterfleet.listener.settings.options import LOCAL_INTERVAL, REMOTE_INTERVAL, Options
from filterfleet.listener.settings.selection import Selection
from filterfleet.listener.setup import check_recipe_for, guard_of, selection_of, serve
from filterfleet.listener.shares import open_exchange
from filterfleet.listener.starting import Starting
from filterfleet.listener.telling import Telling
from filterfleet.listener.upkeep import Upkeep

if TYPE_CHECKING:
    from filterfleet.listener.hooks.office import Office
    from filterfleet.listener.settings.hooks import HookOptions

log = get_logger("listener")


@dataclass(frozen=True, slots=True)
class Ending:
    """What a listener leaves behind when it ends: everything that has failed, and how many files of each kind are no
    images (listener.core.left_alone)."""

    failures: list[Failure]
    left_alone: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What options mean, and what is in the files that they name."""

    recipe: Recipe
    source: Location
    output: Location
    selection: Selection
    after: After
    hooks: HookOptions | None
    hints: tuple[Address, bytes | None] | None
    keys: PeerKeys | None


def prepare(options: ListenerOptions, check: Check) -> Prepared:
    """Raises FleetError for whatever can be seen to be wrong before anything is opened."""
    check_brokers(options.broker)
    recipe = find_recipe(options.recipe, check)
    there, here = check_locations(options.source, options.output)
    hints = None
    if options.hints is not None and not options.once:
        token = None if options.hints_token is None else read_token(options.hints_token)
        hints = parse_hints(options.hints, options.hints_token), token
    after = parse_after(options.after)
    check_recipe_for(_for_service(options, remote=isinstance(there, Remote), departs=after != Keep()), recipe)
    keys = peer_keys(options.keys, Role.CLIENT) if options.keys else None
    return Prepared(recipe, there, here, selection_of(options, there), after, _parsed_hooks(options), hints, keys)


def run_listener(options: ListenerOptions, check: Check, config: Config | None = None) -> Ending:
    """Run the listener that a user asked for, on the fleet of a broker, as serve does. check is for a recipe in a file.
    config: where its settings come from. At SIGHUP they are read again, and so is what they name.

    Raises FleetError, and with options.once InterruptedRunError when it was stopped before the end of the work.
    """
    with contextlib.ExitStack() as stack:
        reloading = Reloading(options, config, partial(prepare, check=check))
        stack.enter_context(contextlib.closing(reloading))
        stop = stack.enter_context(contextlib.closing(StopSignal()))
        warn_if_passed_over(log)
        while True:
            try:
                return _run(reloading, stop)
            except ReopenError:
                pass
            except FleetError as error:
                if not reloading.falls_back(error):
                    raise


def _run(reloading: Reloading[Prepared], stop: StopSignal) -> Ending:
    """Open everything, serve, and close it. Raises FleetError, and ReopenError when all of that is to be done again."""
    failures: list[Failure] = []
    left_alone: Mapping[str, int] = {}
    with contextlib.ExitStack() as stack:
        # A daemon that is told to stop while it waits for a remote has done what it was told.
        if not reloading.options.once:
            stack.enter_context(contextlib.suppress(InterruptedRunError))
        life = _Life(reloading, stop, stack)
        failures += life.serve()
        left_alone = life.ledger.left_alone()
    return Ending(failures, left_alone)


class _Life:
    """A listener with one set of settings: everything that it has open, until stack is closed."""

    def __init__(self, reloading: Reloading[Prepared], stop: StopSignal, stack: contextlib.ExitStack) -> None:
        """Raises FleetError, and ReopenError when the settings change meanwhile."""
        self._reloading, self._stop, self._stack = reloading, stop, stack
        self._options, self._prepared = reloading.options, reloading.prepared
        options, there, here = self._options, self._prepared.source, self._prepared.output
        self._home = ledger_file(there, here, options.state).parent
        self._board, self._teller = Board(), Teller(Notifier())
        folders = {"state": self._home, **({"output": here} if isinstance(here, Path) else {})}
        metrics = partial(_metrics, self._board, self._home / LEDGER, str(there), folders)
        stack.enter_context(serving(options.metrics, metrics))
        self._starting = stack.enter_context(Starting(self._home, str(there), str(here)))
        self._ends = stack.enter_context(self._open_ends())
        self._starting.say(OPENS_LEDGER)
        self.ledger = stack.enter_context(
            contextlib.closing(open_ledger(there, here, options.state, self._prepared.recipe))
        )
        self._open_what_needs_the_ledger()
        self._client = self._open_client()
        present = stack.enter_context(contextlib.closing(PresentFile(self._home, str(there))))
        self._telling = Telling(
            str(there),
            str(here),
            self._prepared.recipe,
            self._client,
            self._count,
            lambda: self.ledger.is_paused,
            present,
        )
        self._guard = guard_of(there, here, options.state)
        self._starting.say(LOOKS_AT_SOURCE)

    def serve(self) -> list[Failure]:
        """Serve until the end. Returns everything that has failed. Raises FleetError, and ReopenError as __init__()."""
        failures = serve(
            _for_service(self._options, remote=self._ends.source.remote, departs=self._prepared.after != Keep()),
            self._ends.source,
            self._ends.sink,
            self.ledger,
            self._client,
            self._prepared.recipe,
            stop=self._stop,
            turned=self._turned,
            interrupt=self._ends.interrupt,
            orders=self._orders,
            hints=self._hints,
            exchange=self._exchange,
            previews=self._previews,
            tell=self._tell,
            telling=self._present_itself,
        )
        self._telling.end()
        if self._office is not None and self._options.once:
            self._office.finish()
        return failures

    # --- opening ----

    def _open_ends(self) -> contextlib.AbstractContextManager[Ends]:
        options, prepared = self._options, self._prepared
        cloud = Cloud(options.rclone_config, options.bandwidth, options.transfers)
        return open_ends(
            *(prepared.source, prepared.output, options.state, cloud, prepared.selection, prepared.after),
            links=options.follow_links,
            stop=self._stop,
            once=options.once,
            say=self._starting.say,
            waiting=self._reloading.take,
        )

    def _open_what_needs_the_ledger(self) -> None:
        stack, options, prepared = self._stack, self._options, self._prepared
        home, file, source = self._home, self._home / LEDGER, str(prepared.source)
        self._upkeep = stack.enter_context(contextlib.closing(Upkeep(self.ledger, home, source, options.keep_days)))
        self._orders = stack.enter_context(contextlib.closing(Box(home, source)))
        stack.enter_context(self._orders.taken())
        if options.heal:
            folder = LocalOutput(_healed(prepared.output), links=options.follow_links)
            stack.enter_context(contextlib.closing(Healer(file, source, folder, self._orders.put)))
        self._office = stack.enter_context(_open_office(prepared.hooks, file, source, prepared.recipe))
        self._hints = stack.enter_context(_open_hints(prepared.hints, self._ends.source))
        self._exchange = stack.enter_context(open_exchange(options.share, prepared.source, prepared.output))
        self._previews = stack.enter_context(contextlib.closing(PreviewStore(home))) if options.previews else None

    def _open_client(self) -> Client:
        """With once, one that a broker has answered."""
        options = self._options
        client = self._stack.enter_context(Client(options.broker, options.frontend_port, options.keys))
        if options.once:
            self._starting.say(no_broker(options.broker))
            require_broker(client, options.broker, options.frontend_port, stopped=lambda: self._stop.is_set)
        return client

    # --- while it serves ----

    def _count(self) -> Counts:
        progress = self.ledger.progress()
        return Counts(progress.pending, progress.done, progress.failed)

    def _turned(self) -> None:
        self._reloading.look()
        self._guard.look()
        self._upkeep.turn()

    def _present_itself(self, troubles: Mapping[str, str], notifier: Notifier) -> None:
        self._telling.look(troubles, notifier)
        self._starting.over()

    def _tell(self, families: Callable[[], list[Family]]) -> None:
        """Give the listener's numbers, which are computed if somebody asks, to those who ask."""

        def all_families() -> list[Family]:
            return [*families(), *fleet_families(self._client), *(self._office.families() if self._office else ())]

        self._board.answer(all_families)
        self._teller.turn(all_families)


def _metrics(board: Board, ledger: Path, source: str, folders: Mapping[str, Path]) -> Callable[[], list[Family]]:
    """What is served. folders: by what they are for."""
    # Here, because the history of a ledger takes 0.01 s to import, and few listeners need it.
    from filterfleet.listener.past import Past

    past, pids = Past(ledger, source), {"listener": os.getpid()}
    return lambda: [*board.ask(), *past.families(), *disk_families(folders), *process_families(pids)]


def _parsed_hooks(options: ListenerOptions) -> HookOptions | None:
    """Raises FleetError."""
    if not (options.webhook or options.exec_hook or options.webhook_secret_file):
        return None
    # Here and below, because Python's HTTP client and TLS take 0.05 s to import, and few listeners need them.
    from filterfleet.listener.settings.hooks import parse_hooks

    return parse_hooks(options.webhook, options.webhook_secret_file, options.exec_hook, options.hook_events)


@contextlib.contextmanager
def _open_office(options: HookOptions | None, ledger: Path, source: str, recipe: Recipe) -> Iterator[Office | None]:
    """Raises FleetError."""
    if options is None:
        yield None
        return
    from filterfleet.listener.hooks.feed import Feed
    from filterfleet.listener.hooks.office import Office

    with contextlib.closing(Office(options, Feed(ledger, source, recipe.digest.hex()))) as office:
        yield office


@contextlib.contextmanager
def _open_hints(place: tuple[Address, bytes | None] | None, source: Source) -> Iterator[Hints | None]:
    """Raises FleetError."""
    if place is None:
        yield None
        return
    # Here, because Python's HTTP server takes 0.03 s to import, and few listeners need it.
    from filterfleet.listener.hints.server import HintServer

    address, token = place
    with contextlib.closing(HintServer(address, token, source.place)) as server:
        yield server


def _healed(output: Location) -> Path:
    """Raises FleetError for an output that nobody can look at as often as that takes."""
    if isinstance(output, Path):
        return output
    raise FleetError(f"--heal looks into local outputs, and {output} is a remote: use `filterfleet redo --missing`.")


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
        sidecar=options.sidecar,
    )
