"""`filterfleet listener`: the daemon that turns a folder of images into a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys, RecipeChoice
from filterfleet.listener.settings.options import Backfill, Failures


def _size(text: str) -> int:
    from filterfleet.common.text import parse_size

    size = parse_size(text)
    if not size:
        raise typer.BadParameter(f"{text!r} is no size such as 500M or 2G.")
    return size


SourceRoot = Annotated[
    str, typer.Option("--source", metavar="FOLDER", help="Images, with all subfolders: a local folder or REMOTE:PATH.")
]
OutputRoot = Annotated[
    str, typer.Option("--output", metavar="FOLDER", help="Results, one subfolder an output: local or REMOTE:PATH.")
]
State = Annotated[
    Path | None,
    typer.Option(help="Folder for the ledger.  [default: .filterfleet in a local output, else one of yours]"),
]
Settle = Annotated[
    float,
    typer.Option(min=0, help="Seconds a file must stay unchanged before it counts as completely written."),
]
Interval = Annotated[
    float | None,
    typer.Option(min=0.1, help="Seconds between scans, at least.  [default: 15 for a remote, 5 for a local source]"),
]
Once = Annotated[bool, typer.Option("--once", help="End when everything in the source is done.")]
Include = Annotated[
    list[str] | None, typer.Option(help="Only images that match; gitignore syntax; may be given several times.")
]
Exclude = Annotated[list[str] | None, typer.Option(help="No images that match; likewise.")]
MaxSize = Annotated[
    int | None, typer.Option(parser=_size, metavar="SIZE", help="No images larger than this, such as 50M.")
]
BackfillOrder = Annotated[Backfill, typer.Option("--backfill", help="Which images first of those already there.")]
AfterSuccess = Annotated[
    str, typer.Option("--after", metavar="keep|delete|move:FOLDER", help="What happens to an image that is done.")
]
FailedImages = Annotated[
    Failures, typer.Option("--failed", help="What failed/ in the output gets of images that cannot be processed.")
]
RcloneConfig = Annotated[
    Path | None, typer.Option("--rclone-config", help="rclone's configuration.  [default: rclone's own]")
]
Bandwidth = Annotated[str | None, typer.Option(metavar="RATE", help="Bytes a second to and from clouds, such as 10M.")]
Transfers = Annotated[int, typer.Option(min=1, max=64, help="Transfers at a time, in each direction.")]
SpoolLimit = Annotated[
    int | None,
    typer.Option("--spool-limit", parser=_size, metavar="SIZE", help="Temporary files at most.  [default: 1G]"),
]


def listener(
    context: typer.Context,
    source: SourceRoot,
    output: OutputRoot,
    recipe: RecipeChoice = "default",
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
    state: State = None,
    settle: Settle = 1.0,
    interval: Interval = None,
    once: Once = False,
    include: Include = None,
    exclude: Exclude = None,
    max_size: MaxSize = None,
    backfill: BackfillOrder = Backfill.OLDEST,
    after: AfterSuccess = "keep",
    failed: FailedImages = Failures.COPY,
    rclone_config: RcloneConfig = None,
    bandwidth: Bandwidth = None,
    transfers: Transfers = 4,
    spool_limit: SpoolLimit = None,
) -> None:
    """Watch a folder, here or in a cloud, have every image in it processed, and put the results into the output folder.

    A ledger remembers what has been done: stop, kill and start it as you like. With --once the exit code is
    0 when every image succeeded and 1 when some failed.
    """
    # A listener does not know the filters: whoever does, puts a common.jobs.recipe_file.Check into the context.
    import contextlib

    from filterfleet.common.client.brokers import check_brokers
    from filterfleet.common.client.client import Client, require_broker
    from filterfleet.common.errors import InterruptedRunError
    from filterfleet.common.jobs.recipe_file import unchecked
    from filterfleet.common.jobs.shipped import find_recipe
    from filterfleet.common.process.wakeup import StopSignal
    from filterfleet.common.text import printable
    from filterfleet.listener.core.intake import DISK
    from filterfleet.listener.ends import Cloud, open_ends
    from filterfleet.listener.settings.aftermath import Keep, parse_after
    from filterfleet.listener.settings.location import check_locations
    from filterfleet.listener.settings.options import Options
    from filterfleet.listener.settings.selection import Selection
    from filterfleet.listener.setup import MissingFilters, open_ledger, serve

    check_brokers(broker)
    chosen = find_recipe(recipe, context.obj or unchecked)
    there, here = check_locations(source, output)
    selection = Selection(tuple(include or ()), tuple(exclude or ()), max_size)
    aftermath = parse_after(after)
    cloud = Cloud(rclone_config, bandwidth, transfers)
    with contextlib.ExitStack() as stack:
        if not once:  # told to stop while it waited for a remote
            stack.enter_context(contextlib.suppress(InterruptedRunError))
        stop = stack.enter_context(contextlib.closing(StopSignal()))
        ends = stack.enter_context(open_ends(there, here, state, cloud, selection, aftermath, stop=stop, once=once))
        ledger = stack.enter_context(contextlib.closing(open_ledger(there, here, state, chosen)))
        client = stack.enter_context(Client(broker, frontend_port, keys))
        if once:
            require_broker(client, broker, frontend_port, stopped=lambda: stop.is_set)
        options = Options(
            settle=settle,
            interval=interval or (15.0 if ends.source.remote else 5.0),
            once=once,
            backfill=backfill,
            failures=failed,
            departs=aftermath != Keep(),
            transfers=transfers,
            spool=spool_limit or DISK,
        )
        missing = MissingFilters(chosen, client)
        failures = serve(
            options,
            ends.source,
            ends.sink,
            ledger,
            client,
            chosen,
            stop=stop,
            turned=missing.look,
            interrupt=ends.interrupt,
        )
    if once:
        for failure in failures:
            typer.echo(f"{printable(failure.path)}: {failure.reason}", err=True)
        raise typer.Exit(1 if failures else 0)
