"""Orders as plain values. orders.py says what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retry:
    """Of all failures, those of these paths or `everything`, whose reason contains this text."""

    paths: tuple[str, ...] = ()
    everything: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Redo:
    """These paths, or `everything`."""

    paths: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmRemovals:
    """What has vanished was removed on purpose."""


@dataclass(frozen=True, slots=True)
class Prune:
    """before: an instant in seconds since the epoch."""

    before: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing new is begun, in later lives as well."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The opposite of Pause."""


Order = Retry | Redo | ConfirmRemovals | Prune | Pause | Resume


def which(paths: Collection[str], *, everything: bool) -> Callable[[str], bool]:
    """Whether a path is meant. Each of `paths` is a file below the source's root, or a folder and stands for all that
    is in it."""
    if everything:
        return lambda _: True
    named = frozenset(path.strip("/") for path in paths)

    def is_meant(path: str) -> bool:
        return path in named or any(path[:at] in named for at, letter in enumerate(path) if letter == "/")

    return is_meant
