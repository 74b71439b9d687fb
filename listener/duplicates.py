"""Several objects of one name, as Google Drive has them: a path for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath


def distinct(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    """(path, id) pairs -> id by a path that is nobody else's.

    Of objects with one path the one with the smallest id keeps it; the others have their id in the name, so that each
    keeps its path when others come and go, and has outputs of its own.
    """
    ids = defaultdict(list)
    for path, identity in entries:
        ids[path].append(identity)
    named = {path: min(of_path) for path, of_path in ids.items()}
    for path, of_path in ids.items():
        for identity in of_path:
            if identity != named[path]:
                named[_free(path, identity, named)] = identity
    return named


def _free(path: str, identity: str, taken: dict[str, str]) -> str:
    place = PurePosixPath(path)
    mark = identity
    while (name := str(place.with_name(f"{place.stem} ({mark}){place.suffix}"))) in taken:
        mark += "_"
    return name
