"""`filterfleet plan`: what a listener would do, without doing it."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from filterfleet.common.config.option import ConfigFile
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.shipped import find_recipe
from filterfleet.common.process.parameters import takes_options
from filterfleet.common.text import json_text, one_line, printable, size_text
from filterfleet.listener.cloud.cost import Cost, cost_of
from filterfleet.listener.core.left_alone import sentence
from filterfleet.listener.core.scan import ROOT, Listing
from filterfleet.listener.ledger.opening import ledger_file
from filterfleet.listener.ledger.planning import Plan, Share, known_objects, plan_of
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.aftermath import After, parse_after
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.settings.location import Remote, check_locations
from filterfleet.listener.settings.options import REMOTE_INTERVAL
from filterfleet.listener.settings.refusals import Explained
from filterfleet.listener.setup import selection_of
from filterfleet.recipes import check_filter

_WHAT = {
    "new": "new",
    "changed": "changed since they were processed",
    "pending": "found earlier and not processed yet",
    "again": "failed for a reason that may have passed",
    "touched": "touched (they are read, and processed if their content is another)",
    "done": "done already",
    "failed": "failed for good (`filterfleet retry` has them tried again)",
    "skipped": "skipped, since they were there at the first scan (--backfill none)",
    "gone": "gone from the source; their results stay",
}
_PROCESSED = ("new", "changed", "pending", "again", "touched")


@takes_options(ListenerOptions)
def plan(
    options: ListenerOptions,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    _config: ConfigFile = None,
) -> None:
    """Show what a listener with these options would do, without doing it.

    The source is listed once and compared with the ledger: which images would be fetched and processed, and which would
    be left out, and why. For a remote source it tells how many calls a day the polling costs. It takes the options of
    `filterfleet listener`, and one may be running meanwhile.
    """
    recipe = find_recipe(options.recipe, check_filter)
    there, here = check_locations(options.source, options.output)
    selection = selection_of(options, there)
    explained = Explained(**{name: getattr(selection, name) for name in selection.__dataclass_fields__})
    began = time.monotonic()
    with _listing(there, explained, parse_after(options.after), options) as (listing, paged):
        took = time.monotonic() - began
    if ROOT in listing.unread:
        raise FleetError(f"The source {printable(str(there))} cannot be listed: {one_line(listing.unread[ROOT])}")
    known, listed = known_objects(ledger_file(there, here, options.state), str(there), recipe.digest.hex())
    found = plan_of(listing, known, listed=listed, backfill=options.backfill)
    cost = None
    if isinstance(there, Remote):
        files = len(listing.objects) + len(explained.refused) + sum(listing.left_alone.values())
        interval = options.interval or REMOTE_INTERVAL
        cost = cost_of(listing.objects, files, paged=paged, took=took, interval=interval)
    why = Counter(explained.refused.values())
    if as_json:
        typer.echo(json_text(_row(found, listing, why, cost), indent=2))
        return
    for line in _lines(found, listing, why, cost, remote=isinstance(there, Remote)):
        typer.echo(line)


@contextlib.contextmanager
def _listing(
    source: Path | Remote, selection: Explained, after: After, options: ListenerOptions
) -> Iterator[tuple[Listing, bool]]:
    """What is in the source, and whether a remote is listed in pages rather than by folder. Raises FleetError."""
    if isinstance(source, Path):
        yield Folder(source, selection, after, links=options.follow_links).list(), False
        return
    # Here, because the code for remotes takes 0.1 s to import, and local sources do not need it.
    from filterfleet.listener.cloud.rclone.remote_files import Rclone
    from filterfleet.listener.cloud.rclone.remotes import check_remote
    from filterfleet.listener.cloud.source import CloudSource
    from filterfleet.listener.interfaces import TransferError

    check_remote(source.fs, options.rclone_config)
    with (
        tempfile.TemporaryDirectory() as room,
        contextlib.closing(
            Rclone(Path(room) / "rclone", config=options.rclone_config, bandwidth=options.bandwidth, transfers=1)
        ) as rclone,
    ):
        try:
            origin = CloudSource(rclone, source, Path(room) / "spool", selection, after)
            yield origin.list(), rclone.facts(source.fs).whole_seconds
        except TransferError as error:
            raise FleetError(str(error)) from None


def _lines(found: Plan, listing: Listing, why: Counter[str], cost: Cost | None, *, remote: bool) -> Iterator[str]:
    shares: dict[str, Share] = {name: getattr(found, name) for name in _WHAT}
    images, size = (sum(getattr(share, what) for share in found.processed) for what in ("images", "bytes"))
    fetched = f", {size_text(size)} would be fetched" if remote and size else ""
    yield f"{_images(images)} would be processed{fetched}:" if images else "Nothing would be processed."
    for name in _PROCESSED:
        yield from _told(shares[name], _WHAT[name])
    others = [line for name in _WHAT if name not in _PROCESSED for line in _told(shares[name], _WHAT[name])]
    others += [f"  {n:>9}  {reason}" for reason, n in why.most_common()]
    if others:
        yield "Left out:"
        yield from others
    for folder, reason in listing.unread.items():
        yield f"{printable(folder)} cannot be read: {one_line(reason)}"
    if alone := sentence(listing.left_alone):
        yield printable(alone)
    if cost is not None:
        yield (
            f"Polling: a scan takes {cost.seconds:.1f} s and at least {cost.calls} calls, and comes every "
            f"{cost.every:.0f} s: about {cost.a_day} calls a day. A longer --interval costs less."
        )


def _told(share: Share, what: str) -> Iterator[str]:
    if share.images:
        dots = ", ..." if share.images > len(share.paths) else ""
        yield f"  {share.images:>9}  {what}: {', '.join(one_line(path, 60) for path in share.paths)}{dots}"


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _row(found: Plan, listing: Listing, why: Counter[str], cost: Cost | None) -> dict[str, Any]:
    return asdict(found) | {
        "refused": dict(why),
        "left_alone": dict(listing.left_alone),
        "unread": dict(listing.unread),
        "polling": None if cost is None else cost._asdict(),
    }
