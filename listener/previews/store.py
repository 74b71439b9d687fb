"""The newest previews, in a folder of the state folder: a file for each job, by its id, which appears whole. Short ids
would not do: images with the same content share them, and have other pictures where their names are written on these.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import msgpack

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.ids import id_prefix
from filterfleet.common.opening import opened, read_file
from filterfleet.common.ours import file_in, folder_in, own_folder

PREVIEWS = "previews"  # in the state folder

# Jobs whose previews are kept. More: the gallery goes back further. Less: they take less of the disk, about 100 KB each
# for a recipe with three outputs.
KEPT = 2000

LIMIT = 8 << 20  # bytes of a job's previews; no JPEG of 512 x 512 pixels comes near that

_HIDDEN = "."


class PreviewStore:
    """For the one process that writes there, on one thread. Everything in it has to be ours (common.ours)."""

    def __init__(self, state: Path, kept: int = KEPT) -> None:
        """Raises FleetError."""
        self._kept = kept
        self._path = state / PREVIEWS
        with own_folder(state) as home:
            self._folder = folder_in(home, PREVIEWS, self._path)
        self._jobs: OrderedDict[str, None] = OrderedDict.fromkeys(self._found())
        self._evict()

    def close(self) -> None:
        os.close(self._folder)

    def put(self, job: bytes, pictures: Mapping[str, bytes]) -> None:
        """Keep these pictures by name in place of earlier ones. Raises FleetError and OSError: a full disk, say."""
        name, packed = job.hex(), msgpack.packb(dict(pictures))
        if len(packed) > LIMIT:
            return
        hidden = _HIDDEN + name
        descriptor = file_in(self._folder, hidden, self._path / hidden)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.truncate()
                file.write(packed)
            os.rename(hidden, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError:
            self._remove(hidden)
            raise
        self._jobs.pop(name, None)
        self._jobs[name] = None
        self._evict()

    def _found(self) -> list[str]:
        """The jobs that have previews, oldest first. What a kill has left half written goes."""
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(_HIDDEN):
                    self._remove(entry.name)
                else:
                    found.append((entry.stat(follow_symlinks=False).st_mtime, entry.name))
        return [name for _, name in sorted(found)]

    def _evict(self) -> None:
        while len(self._jobs) > self._kept:
            self._remove(self._jobs.popitem(last=False)[0])

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._folder)


def preview_ids(state: Path) -> frozenset[str]:
    """The ids of the jobs that have previews, in hexadecimal."""
    try:
        return frozenset(os.listdir(state / PREVIEWS))
    except OSError:
        return frozenset()


def previews_of(state: Path, id_: str) -> dict[str, bytes]:
    """The pictures by name of the job with this id, in hexadecimal; empty if it has none. For another process than the
    one that writes them. What is in the file is checked. Raises FleetError for one that cannot be read."""
    if id_prefix(id_) is None:
        return {}
    try:
        with opened(state / PREVIEWS) as folder:
            packed = read_file(id_, LIMIT + 1, folder=folder, links=False)
        found = msgpack.unpackb(packed) if len(packed) <= LIMIT else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, msgpack.UnpackException) as error:
        raise FleetError(f"The previews of {id_} cannot be read: {error}.") from None
    if not isinstance(found, dict):
        return {}
    return {name: data for name, data in found.items() if isinstance(name, str) and isinstance(data, bytes)}
