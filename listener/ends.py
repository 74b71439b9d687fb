"""A source and a sink for what the user named: folders here, or in clouds through rclone."""

from __future__ import annotations

import contextlib
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filterfleet.common.backoff import Backoff
from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.logs import get_logger
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener.claim import claim
from filterfleet.listener.interfaces import Sink, Source, TransferError
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.places import check_roots, output_lock, state_folder
from filterfleet.listener.settings.aftermath import After
from filterfleet.listener.settings.location import Location, Remote
from filterfleet.listener.settings.selection import Selection

if TYPE_CHECKING:
    from filterfleet.listener.cloud.rclone.remote_files import Rclone

LONGEST_WAIT = 60.0  # seconds between looks whether a remote is there, at the start
BEAT = 1.0  # seconds between signs of life meanwhile

log = get_logger("listener")


@dataclass(frozen=True, slots=True)
class Cloud:
    """How rclone is to be run: its configuration, bytes a second in its own notation, transfers at a time."""

    config: Path | None
    bandwidth: str | None
    transfers: int


@dataclass(frozen=True, slots=True)
class Ends:
    """interrupt cuts short what is under way in a cloud."""

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
    stop: StopSignal,
    once: bool,
) -> Iterator[Ends]:
    """Both as check_locations returned them. Waits for a remote that cannot be reached, unless once. Raises
    FleetError."""
    with contextlib.ExitStack() as stack:
        remotes = [end for end in (source, output) if isinstance(end, Remote)]
        if not remotes:
            assert isinstance(source, Path)
            assert isinstance(output, Path)
            sink = stack.enter_context(contextlib.closing(OutputTree(output)))
            yield Ends(Folder(source, selection, after), sink, lambda: None)
            return
        from filterfleet.listener.cloud.rclone.remote_files import Rclone
        from filterfleet.listener.cloud.rclone.remotes import check_remote
        from filterfleet.listener.cloud.sink import CloudSink
        from filterfleet.listener.cloud.source import CloudSource

        for remote in remotes:
            check_remote(str(remote), cloud.config)
        folder = state_folder(source, output, state)
        lock = claim(folder / "listener.lock", f"using {folder}", "choose another --state")
        stack.enter_context(contextlib.closing(lock))
        rclone = stack.enter_context(
            contextlib.closing(
                Rclone(folder / "rclone", config=cloud.config, bandwidth=cloud.bandwidth, transfers=cloud.transfers)
            )
        )
        roots = [_root(end, rclone, stop, once=once) for end in (source, output)]
        check_roots(*roots)
        origin: Source = (
            Folder(source, selection, after)
            if isinstance(source, Path)
            else CloudSource(rclone, source, folder / "spool" / "in", selection, after)
        )
        target: Sink = (
            OutputTree(output)
            if isinstance(output, Path)
            else CloudSink(rclone, output, folder / "spool" / "out", output_lock(output))
        )
        stack.callback(target.close)
        yield Ends(origin, target, rclone.close)


def _root(end: Location, rclone: Rclone, stop: StopSignal, *, once: bool) -> str:
    """What a location really is, behind a remote that is another name for it."""
    if isinstance(end, Path):
        return str(end)
    notifier = Notifier()
    backoff = Backoff(1.0, LONGEST_WAIT)
    said = ""
    while True:
        try:
            facts = rclone.facts(str(end))
            return facts.root.removeprefix("local:") if facts.kind == "local" else facts.root
        except TransferError as error:
            if once or not error.transient:
                raise FleetError(str(error)) from None
            if str(error) != said:
                said = str(error)
                log.error("waiting for a remote", remote=str(end), reason=said)
        wait = backoff.next()
        notifier.ready()  # it is up, and the remote is not
        while wait > 0:
            notifier.alive()
            select.select([stop], [], [], min(wait, BEAT))
            if stop.is_set:
                raise InterruptedRunError("Stopped before the remote could be reached.")
            wait -= BEAT
