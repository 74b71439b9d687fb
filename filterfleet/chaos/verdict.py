"""What is wrong after a storm: in the ledger, among the outputs, and among the processes.

It looks at the files themselves, without the code that has written them.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from filterfleet.common.blob import whole
from filterfleet.common.jobs.names import place_of
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.process.command import SUPERVISOR
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pipeline import process

SHOWN = 5  # names in one sentence


def wrong_in_ledger(ledger: Path, images: Sequence[str]) -> list[str]:
    """Sentences about the ledger. images are paths below the source: each must be done, with one row of results."""
    with contextlib.closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as database:
        states = dict(database.execute("SELECT path, state FROM objects"))
        rows = database.execute("SELECT path, count(*) FROM results GROUP BY path").fetchall()
    recorded = dict(rows)
    return [
        *_sentence("not recorded as done", [path for path in images if states.get(path) != "done"]),
        *_sentence("without a recorded result", [path for path in images if path not in recorded]),
        *_sentence("recorded more than once", [path for path, count in rows if count > 1]),
        *_sentence("recorded, but never there", sorted((states.keys() | recorded.keys()) - set(images))),
    ]


def wrong_in_outputs(
    source: Path,
    output: Path,
    images: Sequence[str],
    recipe: Recipe,
    stopped: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Sentences about outputs that differ from those of the sequential pipeline, which runs here, until stopped()."""
    missing: list[str] = []
    different: list[str] = []
    surplus = set(_files(output))
    for image in images:
        if stopped():
            break
        with contextlib.closing(process((source / image).read_bytes(), recipe)) as done:
            for made, blob in zip(done.outputs, done.blobs, strict=True):
                place = str(place_of(made, image))
                if place not in surplus:
                    missing.append(place)
                    continue
                surplus.remove(place)
                if (output / place).read_bytes() != bytes(whole(blob)):
                    different.append(place)
    return [
        *_sentence("missing at the output", missing),
        *_sentence("not what the sequential pipeline makes", different),
        *(_sentence("at the output without an image", sorted(surplus)) if not stopped() else ()),
        *_sentence("left over as temporary files", sorted(os.listdir(output / PRIVATE / "tmp"))),
    ]


def images_in(source: Path) -> list[str]:
    """The paths of all files below the source."""
    return sorted(_files(source))


def survivors() -> list[str]:
    """A sentence if a process that this one has started, directly or through others, still runs (Linux)."""
    ours = f"{SUPERVISOR}={os.getpid()}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # the process is gone, or belongs to somebody else
            if ours in environment.read_bytes().split(b"\0"):
                found.append(environment.parent.name)
    return _sentence("still running", found)


def _files(root: Path) -> Iterator[str]:
    """Paths of the files below the root, without our own folder."""
    for folder, folders, names in os.walk(root):
        if PRIVATE in folders:
            folders.remove(PRIVATE)
        yield from (str(Path(folder, name).relative_to(root)) for name in names)


def _sentence(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{len(names)} {what}: {', '.join(names[:SHOWN])}{more}."]
