"""A folder through an engine, once, with the same ledger as a listener's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filterfleet.common.errors import FleetError, InterruptedRunError
from filterfleet.common.jobs.engine import Engine, EngineName
from filterfleet.common.jobs.extensions import unreadable_formats
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import quiet_unless_configured
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener.ledger.ledger import Failure, Ledger
from filterfleet.listener.ledger.opening import ledger_file, open_ledger
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.location import check_folders
from filterfleet.listener.settings.options import Options
from filterfleet.listener.settings.selection import DEFAULT_EXCLUDES, Selection
from filterfleet.listener.setup import guard_of, serve
from filterfleet.listener.shares import make_shares, open_exchange, shares_between
from filterfleet.listener.upkeep import Upkeep
from filterfleet.recipes import load_recipe
from filterfleet.worker.engines.select import open_engine


def run(
    source: str | Path,
    output: str | Path,
    *,
    engine: str = "processes",
    workers: int | None = None,
    threads: int | None = None,
    memory: int | None = None,
    recipe: Recipe | str | Path | None = None,
    force: bool = False,
    broker: str = "127.0.0.1",
    frontend_port: int = 5555,
    keys: str | Path | None = None,
    scheduler: str | None = None,
    insecure: bool = False,
    no_sandbox: bool = False,
    no_default_excludes: bool = False,
    sniff: bool = False,
    follow_links: bool = False,
    share: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Process every image in a folder and its subfolders once, as `filterfleet run` does.

    source: the folder of images.
    output: the folder of the results, with a subfolder for each output. It is made if it does not exist.
    engine: "sequential", "threads", "processes", "mpi", "dask" or "cluster" (docs/engines.md).
    workers: processes of the engines processes and dask. None: one for each core.
    threads: threads of threads, and of each process of processes and dask. None: one for each core of threads, else 1.
    memory: bytes that each process of sequential, threads and processes may use for images. None: the processes share
        half of the machine's memory.
    recipe: a Recipe, the name of a recipe that ships, the path of a TOML file, or None for the default recipe.
    force: process images again that are done and unchanged. They are skipped otherwise.
    broker, frontend_port, keys: where the broker of cluster is, and the folder of the keys to connect with.
    scheduler, insecure: the address of the scheduler of dask (None starts a cluster here), and whether it may be one
        without TLS.
    no_sandbox: let the processes of processes keep their rights.
    no_default_excludes: take images in bins and thumbnail folders, too.
    sniff: take files without an extension whose first bytes are those of an image, too.
    follow_links: follow links that lead out of source or output.
    share: folders that the processes of mpi, dask and cluster see, as "NAME=DIR" each (docs/shares.md).

    Returns a dict for each image that the source has or had, with the fields of a report (docs/engines.md). Its
    "status" is "done"; "failed", with the "reason"; or "pending", when Ctrl-C or SIGTERM has ended the run early.

    Call it in the main thread, because it handles these signals. Raises FleetError when the run cannot begin or go on.
    """
    quiet_unless_configured()
    source, output = Path(source), Path(output)
    shares = shares_for(engine, share, source, output)
    if engine not in list(EngineName):
        raise FleetError(f"There is no engine {engine!r}; there are {', '.join(EngineName)}.")
    opened = open_engine(
        EngineName(engine),
        workers=workers,
        threads=threads,
        memory=memory,
        broker=broker,
        frontend_port=frontend_port,
        scheduler=scheduler,
        insecure=insecure,
        sandbox=not no_sandbox,
        keys=None if keys is None else Path(keys),
        shares=shares,
    )
    with contextlib.closing(opened), contextlib.closing(StopSignal()) as stop:
        selection = batch_selection(no_default_excludes=no_default_excludes, sniff=sniff)
        return process_folder(
            source,
            output,
            opened,
            load_recipe(recipe),
            force=force,
            stop=stop,
            selection=selection,
            links=follow_links,
            shares=shares,
        ).rows


def shares_for(engine: str, given: Sequence[str], source: Path, output: Path) -> list[str]:
    """The shares of a run, as --share takes them: those that the user has given, else the folders of the run for the
    engines whose processes may see them, and otherwise get each image in a message."""
    if given or engine not in (EngineName.MPI, EngineName.DASK):
        return [*given]
    return shares_between(*(Path(os.path.realpath(folder)) for folder in (source, output)))


def batch_selection(*, no_default_excludes: bool, sniff: bool) -> Selection:
    """The files of a folder that are processed in one run."""
    never = () if no_default_excludes else DEFAULT_EXCLUDES
    return Selection(never=never, sniff=sniff, unreadable=unreadable_formats())


@dataclass(frozen=True, slots=True)
class Summary:
    """How a batch ended: the failures, a row for each image with the fields of listener.ledger.ledger.REPORT, whether
    it was interrupted before its end, and how many files of each kind are no images (listener.core.left_alone)."""

    failures: list[Failure]
    rows: list[dict[str, Any]]
    interrupted: bool
    left_alone: Mapping[str, int]


def process_folder(
    source: Path,
    output: Path,
    engine: Engine,
    recipe: Recipe,
    *,
    force: bool,
    stop: StopSignal,
    selection: Selection = Selection(),  # noqa: B008 - frozen
    links: bool = False,
    shares: Sequence[str] = (),
    turned: Callable[[Ledger], None] = lambda _: None,
) -> Summary:
    """Process every image of source that is not done yet, until stop is set. force does the others again as well.

    recipe has been checked. selection says which files of source count; links: links that lead out of source and output
    are followed. shares: as --share takes them; the engine has been told the same. turned is called in every turn of
    the loop. Raises FleetError.
    """
    source, output = check_folders(source, output)
    options = Options(settle=0.0, interval=1.0, once=True)
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(contextlib.closing(OutputTree(output, links=links)))
        ledger = stack.enter_context(contextlib.closing(open_ledger(source, output, None, recipe)))
        folder = Folder(source, selection, links=links)
        if shares == shares_between(source, output):
            make_shares(source, output)
        exchange = stack.enter_context(open_exchange(shares, source, output))
        guard = guard_of(source, output, None)
        home = ledger_file(source, output, None).parent
        upkeep = stack.enter_context(contextlib.closing(Upkeep(ledger, home, str(source))))

        def look() -> None:
            guard.look()
            upkeep.turn()
            turned(ledger)

        ledger.resume()  # a listener is paused, and not somebody who wants this done now
        if force:
            ledger.redo()
        try:
            failures = serve(
                options,
                folder,
                tree,
                ledger,
                engine,
                recipe,
                stop=stop,
                turned=look,
                interrupt=folder.interrupt,
                exchange=exchange,
            )
            interrupted = False
        except InterruptedRunError:
            failures = ledger.failures()
            interrupted = True
        return Summary(failures, ledger.report(), interrupted, ledger.left_alone())
