"""Several objects of one name, as Google Drive has them: a path for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from filterfleet.listener.cloud.rclone.remote_files import Entry
from filterfleet.listener.names import fitted


def distinct(entries: Iterable[Entry]) -> tuple[dict[str, Entry], frozenset[str]]:
    """Entries by paths, no two of which are the same; and which of those paths belong to objects of one name.

    The object with the smallest id keeps the path. The others have their ids in their names, so that they keep their
    paths when others come and go, and have outputs of their own.
    """
    of_path: dict[str, dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        of_path[entry.path][entry.id] = entry
    named = {path: of_id[min(of_id)] for path, of_id in of_path.items()}
    shared = set()
    for path, of_id in of_path.items():
        for identity in sorted(of_id)[1:]:
            name = _free(path, identity, named)
            named[name] = of_id[identity]
            shared |= {path, name}
    return named, frozenset(shared)


def _free(path: str, identity: str, taken: Collection[str]) -> str:
    place = PurePosixPath(path)
    while (name := str(place.with_name(fitted(place.stem, f" ({identity}){place.suffix}")))) in taken:
        identity += "_"
    return name
