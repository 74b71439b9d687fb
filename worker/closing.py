"""Things that must be closed when the work on them fails, and stay open when it succeeds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol, TypeVar


class Closeable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closeable)


@contextlib.contextmanager
def closed_on_error(thing: C) -> Iterator[C]:
    """Closes the thing if the block raises; otherwise the caller goes on to own it."""
    try:
        yield thing
    except BaseException:
        thing.close()
        raise
