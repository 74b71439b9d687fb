"""The two ends of a listener: a source and a sink for the places that the user named, on this machine or in clouds."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filterfleet.common.backoff import Backoff
from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.logs import get_logger
from filterfleet.common.ours import own_room
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.words import no_remote
from filterfleet.listener.claim import TakenError, claim
from filterfleet.listener.cloud.polling import readable
from filterfleet.listener.cloud.settings import BEAT, BUSY_LIMIT, FIRST_WAIT, LONGEST_WAIT
from filterfleet.listener.interfaces import BusyError, Sink, Source, TransferError
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.aftermath import After, Keep
from filterfleet.listener.settings.location import Location, Remote, check_roots
from filterfleet.listener.settings.selection import Selection
from filterfleet.listener.state import output_lock, source_lock, state_folder

if TYPE_CHECKING:
    from filterfleet.listener.cloud.rclone.remote_files import Rclone

log = get_logger("listener")


@dataclass(frozen=True, slots=True)
class Cloud:
    """How rclone is to be run."""

    config: Path | None  # its configuration file; None for its own
    bandwidth: str | None  # in the syntax of its --bwlimit; None for no limit
    transfers: int  # how many run at once


@dataclass(frozen=True, slots=True)
class Ends:
    """interrupt() breaks off a listing of a local source, and the transfers under way to and from remotes, which raise
    TransferError then."""

    source: Source
    sink: Sink
    interrupt: Callable[[], None]


@contextlib.contextmanager
def open_ends(
    source: Location,
    output: Location,
    state: Path | None,
    cloud: Cloud,
    selection: Selection,
    after: After,
    *,
    links: bool,
    stop: StopSignal,
    once: bool,
    say: Callable[[str], None] = lambda _: None,
    waiting: Callable[[], None] = lambda: None,
) -> Iterator[Ends]:
    """Both ends, for as long as the context lasts.

    source and output are as check_locations() returned them; state is the folder that the user chose for the ledger;
    links: links in local folders are followed where they lead out; say: told in words what is waited for.
    Unless once is set, this waits for a remote that cannot be reached. For one that is busy it waits with once as well,
    though not for ever. waiting() is called meanwhile, once a second or so. Raises InterruptedRunError when stop is set
    meanwhile, FleetError, and what waiting() raises.
    """
    with contextlib.ExitStack() as stack:
        if after != Keep():
            stack.enter_context(_claimed(source))
        if isinstance(source, Path) and isinstance(output, Path):
            tree = stack.enter_context(contextlib.closing(OutputTree(output, links=links)))
            folder = Folder(source, selection, after, links=links)
            yield Ends(folder, tree, folder.interrupt)
            return
        home = state_folder(source, output, state)
        rclone = stack.enter_context(_open_rclone([source, output], home, cloud))
        check_roots(*(_root(end, rclone, stop, say, waiting, once=once) for end in (source, output)))
        origin = _open_source(source, rclone, home, selection, after, links=links)
        target = stack.enter_context(contextlib.closing(_open_sink(output, rclone, home, links=links)))

        def interrupt() -> None:
            rclone.close()
            if isinstance(origin, Folder):
                origin.interrupt()

        yield Ends(origin, target, interrupt)


def _claimed(source: Location) -> contextlib.AbstractContextManager[object]:
    """Keeps away other listeners that take images away from this source: each would process a part of the images.

    Raises FleetError when there is one. One that we cannot keep away is a line in the log.
    """
    try:
        remedy = "give this one another --source, or --after keep"
        return claim(source_lock(source), f"taking images away from {source}", remedy)
    except TakenError:
        raise
    except FleetError as error:
        log.warning("nothing keeps another listener away from this source", reason=str(error))
        return contextlib.nullcontext()


@contextlib.contextmanager
def _open_rclone(ends: list[Location], folder: Path, cloud: Cloud) -> Iterator[Rclone]:
    """rclone for these remotes, and the state folder for us alone. Raises FleetError."""
    # Here and below: the code for remotes takes 0.1 s to import, and a listener between local folders does not need it.
    from filterfleet.listener.cloud.rclone.remote_files import Rclone
    from filterfleet.listener.cloud.rclone.remotes import check_remote

    for end in ends:
        if isinstance(end, Remote):
            check_remote(end.fs, cloud.config)
    with claim(folder / "listener.lock", f"using {folder}", "choose another --state"):
        room = own_room(folder, "rclone")
        rclone = Rclone(room, config=cloud.config, bandwidth=cloud.bandwidth, transfers=cloud.transfers)
        with contextlib.closing(rclone):
            yield rclone


def _open_source(
    source: Location, rclone: Rclone, folder: Path, selection: Selection, after: After, *, links: bool
) -> Source:
    from filterfleet.listener.cloud.source import CloudSource

    if isinstance(source, Path):
        return Folder(source, selection, after, links=links)
    return CloudSource(rclone, source, folder / "spool" / "in", selection, after)


def _open_sink(output: Location, rclone: Rclone, folder: Path, *, links: bool) -> Sink:
    from filterfleet.listener.cloud.sink import CloudSink

    if isinstance(output, Path):
        return OutputTree(output, links=links)
    return CloudSink(rclone, output, folder / "spool" / "out", output_lock(output))


def _root(
    end: Location,
    rclone: Rclone,
    stop: StopSignal,
    say: Callable[[str], None],
    waiting: Callable[[], None],
    *,
    once: bool,
) -> str:
    """The place behind a location, when its remote is another name for that. Waits for the remote as open_ends()."""
    if isinstance(end, Path):
        return str(end)
    notifier = Notifier()
    backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
    said = ""
    busy_until = time.monotonic() + BUSY_LIMIT
    while True:
        try:
            facts = rclone.facts(end.fs)
            return facts.root.removeprefix("local:") if facts.kind == "local" else facts.root
        except TransferError as error:
            waits = isinstance(error, BusyError) and time.monotonic() < busy_until if once else error.transient
            if not waits:
                raise FleetError(str(error)) from None
            if str(error) != said:
                said = str(error)
                log.error("waiting for a remote", remote=str(end), reason=said)
                say(no_remote(str(end), said))
        notifier.ready()  # the listener is up, even though the remote is not
        notifier.status(partial(no_remote, str(end), said))
        _wait(backoff.next(), stop, notifier, waiting)


def _wait(seconds: float, stop: StopSignal, notifier: Notifier, waiting: Callable[[], None]) -> None:
    """Raises InterruptedRunError as soon as stop is set."""
    while seconds > 0:
        notifier.alive()
        waiting()
        readable(min(seconds, BEAT), stop)
        if stop.is_set:
            raise InterruptedRunError("Stopped before the remote could be reached.")
        seconds -= BEAT
