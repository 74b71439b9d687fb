"""How far a receiver has been told, in a file of our state."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace

from filterfleet.common.files import write_into
from filterfleet.common.opening import open_file
from filterfleet.listener.ledger.endings import Done, Ending, Mark

LIMIT = 64 << 10  # bytes of the file


@dataclass(frozen=True, slots=True)
class Cursor:
    """done and failed are behind the last endings that were told or dropped. The others are about the batch that has
    begun: the instants of its first and last ending, 0 if there is none, and its images."""

    done: Mark
    failed: Mark
    begun: float = 0.0
    ended: float = 0.0
    images_done: int = 0
    images_failed: int = 0

    def after(self, ending: Ending) -> Cursor:
        mark = Mark(ending.at, ending.path)
        begun, ended = self.begun or ending.at, max(self.ended, ending.at)
        if isinstance(ending, Done):
            return replace(self, done=mark, begun=begun, ended=ended, images_done=self.images_done + 1)
        return replace(self, failed=mark, begun=begun, ended=ended, images_failed=self.images_failed + 1)

    def after_batch(self) -> Cursor:
        return Cursor(self.done, self.failed)

    def not_beyond(self, now: float) -> Cursor:
        """A clock that was set back must not hide what ends from now on."""
        return replace(self, done=_not_beyond(self.done, now), failed=_not_beyond(self.failed, now))


def _not_beyond(mark: Mark, now: float) -> Mark:
    return mark if mark.at <= now else Mark(now)


def read_cursor(folder: int, name: str) -> Cursor | None:
    """None when there is none, or no whole one. folder is a descriptor of a folder of ours."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        with os.fdopen(open_file(name, folder=folder, links=False), "rb") as file:
            raw = json.loads(file.read(LIMIT))
        return Cursor(**{**raw, "done": Mark(**raw["done"]), "failed": Mark(**raw["failed"])})
    return None


def write_cursor(folder: int, name: str, cursor: Cursor) -> None:
    """Raises OSError."""
    write_into(folder, name, json.dumps(asdict(cursor)).encode(), folder)
