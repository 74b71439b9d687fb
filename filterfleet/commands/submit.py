"""`filterfleet submit`: single files through a running broker, without a listener or a ledger."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.client.client import Client, require_broker
from filterfleet.common.client.lack import lack
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.errors import FleetError, ImageError, SourceChangedError
from filterfleet.common.jobs.job import Job, job_id
from filterfleet.common.jobs.made import as_in
from filterfleet.common.jobs.notes import notes_of
from filterfleet.common.jobs.patterns import shares_stems, stem_of
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import get_logger
from filterfleet.common.opening import check_file, open_file
from filterfleet.common.payload import close
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, GroupRead, Keys, RecipeChoice
from filterfleet.common.text import one_line, printable
from filterfleet.common.waiting import WaitLog
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.listener.core.rivals import rivalry
from filterfleet.listener.core.scan import Version
from filterfleet.listener.interfaces import ChangedError, TransferError
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.transfers import payload_of
from filterfleet.recipes import load_recipe

WINDOW = 32  # files under way at once: more keep a larger fleet busy, and take more memory and open files here
LOOK = 1.0  # seconds between checks for missing workers while no result comes back

log = get_logger("submit")


@dataclass(frozen=True, slots=True)
class Written:
    """The files that were written for an image, and what its report notes about it."""

    places: list[Path]
    notes: str | None


Outcome = Written | str  # a sentence says why there are no files


def submit(
    files: Annotated[list[Path], typer.Argument(help="Image files.", metavar="FILE...")],
    output: Annotated[Path, typer.Option(help="Folder for the results, with one subfolder for each output.")],
    recipe: RecipeChoice = "default",
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    _backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Also follow links to folders in the output folder.")
    ] = False,
    _config: ConfigFile = None,
) -> None:
    """Send image files to a running broker and wait for the results.

    Prints the path of every file that was written: as it is into a file or a pipe, and on a terminal with whatever the
    terminal would obey escaped. Notes about an image go to standard error. The exit code is 0 when every image
    succeeded and 1 when some failed.
    """
    check_brokers(broker)
    chosen = load_recipe(recipe)
    succeeded = True
    for file, outcome in submit_files(files, output, chosen, broker, frontend_port, keys, links=follow_links):
        if isinstance(outcome, str):
            succeeded = False
            typer.echo(f"{printable(str(file))}: {one_line(outcome)}", err=True)
        else:
            for place in outcome.places:
                typer.echo(printable(str(place)) if sys.stdout.isatty() else place)
            if outcome.notes:
                typer.echo(f"{printable(str(file))}: {one_line(outcome.notes)}", err=True)
    raise typer.Exit(0 if succeeded else 1)


def submit_files(
    files: Sequence[Path],
    output: Path,
    recipe: Recipe,
    broker: str,
    frontend_port: int,
    keys: Path | None = None,
    *,
    links: bool = False,
) -> Iterator[tuple[Path, Outcome]]:
    """Yields each file with its outcome, in the order in which they end.

    Files that cannot be read come first: that is known without a broker. Two files of the same name would share their
    outputs, so the second one fails. Raises FleetError.
    """
    problems = {file: _problem(file) for file in files}
    readable = [file for file in files if problems[file] is None]
    yield from ((file, problem) for file in files if (problem := problems[file]) is not None)
    if not readable:
        return
    tree = OutputTree(output, links=links)
    try:
        tree.check(output.name for output in recipe.outputs)
        with Client(broker, frontend_port, keys) as client:
            require_broker(client, broker, frontend_port)
            yield from _Submission(client, tree, recipe).run(readable)
    finally:
        tree.close()


def _problem(file: Path) -> str | None:
    """A sentence about a file that cannot be read."""
    try:
        os.close(open_file(file))
    except OSError as error:
        return _unreadable(error)
    return None


def _unreadable(error: OSError) -> str:
    if error.errno == errno.EISDIR:
        return "It is a folder: give the files in it, or process all of it with `filterfleet run`."
    return f"The file cannot be read: {error.strerror}."


class _Submission:
    """Keeps up to WINDOW files under way. Files with the same content share one job."""

    def __init__(self, client: Client, tree: OutputTree, recipe: Recipe) -> None:
        self._client = client
        self._tree = tree
        self._recipe = recipe
        self._waits = WaitLog()
        self._stems = [output.name for output in recipe.outputs if shares_stems(output.options.name)]
        self._under_way: dict[Future[Result | Failed], list[Path]] = {}
        self._jobs: dict[bytes, Future[Result | Failed]] = {}

    def run(self, files: Sequence[Path]) -> Iterator[tuple[Path, Outcome]]:
        first: dict[str, Path] = {}  # of the files whose results have the same names
        for file in files:
            name = stem_of(file.name) if self._stems else file.name
            if name in first:
                yield file, self._rivalry(file, first[name])
                continue
            first[name] = file
            if (problem := self._submit(file)) is not None:
                yield file, problem
            if len(self._under_way) >= WINDOW:
                yield from self._collect()
        while self._under_way:
            yield from self._collect()

    def _rivalry(self, file: Path, other: Path) -> str:
        if file.name == other.name:
            return "Another file of this name was given: their results would have the same names."
        return rivalry(self._stems[0], other.name)

    def _submit(self, file: Path) -> str | None:
        """Begin a file. Returns a sentence when the file cannot even be read."""
        try:
            found = check_file(file)
            version = Version(found.st_size, found.st_mtime_ns)
            loaded = Folder(file.parent, links=True).load(file.name, version, INLINE_LIMIT)
        except ChangedError:
            return "The file changed while it was being read."
        except OSError as error:
            return _unreadable(error)
        except (TransferError, ImageError) as error:
            return str(error)
        recipe = self._recipe.of(file.name)
        job = job_id(loaded.digest, recipe)
        if job not in self._jobs:
            needs = tuple(sorted(self._recipe.needs))
            payload, read = payload_of(loaded.blob)
            names = self._recipe.names
            work = Job(job, recipe.to_bytes(), needs, version.size, payload, outputs=names)
            future = self._client.submit(work, read)
            self._jobs[job] = future
            self._under_way[future] = []
            future.add_done_callback(lambda _: close(loaded.blob))
        else:
            close(loaded.blob)
        self._under_way[self._jobs[job]].append(file)
        return None

    def _collect(self) -> Iterator[tuple[Path, Outcome]]:
        """Wait for one job to end, and place its outputs for every file that shares it."""
        while not (done := wait(self._under_way, LOOK, FIRST_COMPLETED).done):
            lacks = lack(self._client, self._recipe.needs, len(self._under_way))
            for line in self._waits.look(lacks, len(self._under_way), time.monotonic()):
                log.at(line.level, line.event, line.fields)
        future = done.pop()
        files = self._under_way.pop(future)
        try:
            outcome = future.result()
        except SourceChangedError as error:
            yield from ((file, str(error)) for file in files)
            return
        for file in files:
            yield file, self._place(file, outcome)
        if isinstance(outcome, Result):
            for output in outcome.payload:
                close(output)
        del self._jobs[outcome.id]
        self._client.acknowledge(outcome.id)

    def _place(self, file: Path, outcome: Result | Failed) -> Outcome:
        if isinstance(outcome, Failed):
            return outcome.reason
        try:
            made = as_in(self._recipe, outcome)
            self._tree.put(file.name, made.outputs, made.payload)
        except FleetError as error:
            return str(error)
        places = [self._tree.place(file.name, output) for output in made.outputs]
        return Written(places, notes_of(outcome.report))
