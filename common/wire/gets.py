"""Answering requests for parts of blobs, so that a peer that asks for much and reads nothing costs little."""

from __future__ import annotations

from msgspec.structs import replace

from filterfleet.common.wire.messages import CHUNK, Get
from filterfleet.common.wire.pull import WINDOW

# Requests of one lease or job that wait for their answer. An honest peer has WINDOW of them under way, and repeats
# those that take long. A larger value lets a hostile peer keep more of them here; a smaller one makes a peer with a
# larger window ask twice.
MOST = 2 * WINDOW

# Requests that are answered in one message. With a larger value, a hop costs less; with a
# smaller one, the first part arrives sooner.
AT_ONCE = 4


class Gets:
    """The requests that wait, in turn by their ids. Each is cut to a chunk. Nothing is read for a request before
    next() returns it, which is to be called when the answers before it have left."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, dict[tuple[str, int], Get]] = {}  # by id, then by blob and offset

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, get: Get) -> None:
        """One that waits already is the same request. One more than MOST is dropped: its peer asks again."""
        of_id = self._waiting.setdefault(get.id, {})
        if len(of_id) < MOST:
            of_id.setdefault((get.blob, get.offset), replace(get, length=min(get.length, CHUNK)))

    def next(self) -> Get | None:
        """Take one out."""
        if not self._waiting:
            return None
        id_ = next(iter(self._waiting))
        of_id = self._waiting.pop(id_)
        get = of_id.pop(next(iter(of_id)))
        if of_id:
            self._waiting[id_] = of_id  # behind the others
        return get

    def forget(self, id_: bytes) -> None:
        """Nobody needs the answers any more."""
        self._waiting.pop(id_, None)

    def clear(self) -> None:
        self._waiting.clear()
