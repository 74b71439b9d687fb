"""Gives each of several objects that share one name, as Google Drive allows, a path of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from filterfleet.listener.cloud.rclone.remote_files import Entry
from filterfleet.listener.names import fitted


def distinct(entries: Iterable[Entry]) -> tuple[dict[str, Entry], frozenset[str]]:
    """Entries by paths that are all different, and the set of those paths whose objects share a name with others.

    The object with the smallest id keeps the path. The names of the others contain their ids: so their paths stay the
    same when more objects of the name come and go, and each has outputs of its own.
    """
    by_path: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        by_path[entry.path][entry.id] = entry
    named = {path: by_id[min(by_id)] for path, by_id in by_path.items()}
    shared = set()
    for path, by_id in by_path.items():
        for identity in sorted(by_id)[1:]:
            name = _free(path, identity, named)
            named[name] = by_id[identity]
            shared |= {path, name}
    return named, frozenset(shared)


def _free(path: str, identity: str, taken: Collection[str]) -> str:
    """path with the id in its name, such as "trip/a (1x7).jpg"; the id grows until the path is not taken."""
    place = PurePosixPath(path)
    while (name := str(place.with_name(fitted(place.stem, f" ({identity}){place.suffix}")))) in taken:
        identity += "_"
    return name
