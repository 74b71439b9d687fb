"""The clock by which a file system says when its files changed, where that can be known.

The file systems of this machine take the time from its kernel. That clock may be set. Forwards, old changes would seem
older than they are: so the clock here is the monotonic one, with the smallest difference to the other that was ever
seen. Of file systems on other machines nobody knows whose clock they show, and whether they show every change.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

# Kinds of file systems whose changes are all made by this kernel.
LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "overlay"})

_OCTAL = re.compile(r"\\(\d{3})")


class FileClock:
    """Of the file systems at and below a folder. For one thread."""

    def __init__(
        self,
        folder: Path,
        *,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
        mounts: Path = Path("/proc/self/mountinfo"),
    ) -> None:
        """folder: without links in its path."""
        self._folder = folder
        self._wall = wall
        self._monotonic = monotonic
        self._mounts = mounts
        self._difference = wall() - monotonic()

    def read(self) -> int | None:
        """The present instant, in nanoseconds since the epoch, or one before it; None if nobody knows."""
        self._difference = min(self._difference, self._wall() - self._monotonic())
        return self._monotonic() + self._difference if self._kinds() <= LOCAL else None

    def _kinds(self) -> frozenset[str]:
        """The kinds of these file systems; one that is unknown if nothing can be read about them."""
        try:
            text = self._mounts.read_text(errors="surrogateescape")
        except OSError:
            return frozenset({""})
        return kinds_below(text, str(self._folder))


def kinds_below(mounts: str, folder: str) -> frozenset[str]:
    """The kinds of the file systems that a folder and what is below it are in; mounts as in /proc/self/mountinfo."""
    own, kinds = "", {""}
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        place = _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4]).rstrip("/")
        kind = rest.partition(" ")[0]
        if f"{folder}/".startswith(f"{place}/"):
            if len(place) >= len(own):  # the last one covers those before
                own, kinds = place, {kind}
        elif place.startswith(f"{folder}/"):
            kinds.add(kind)
    return frozenset(kinds)
