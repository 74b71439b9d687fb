"""Photos, what they do to those who handle them, and how each must end."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass, replace

from filterfleet.common.jobs.recipe import Recipe
from filterfleet.listener.core.scan import Version
from tests.simulation.naming import written

# Some are good at first sight only: flaky fails once, hang gets stuck once. Those of ENDS never end well.
KINDS = ["good"] * 40 + [
    "flaky",
    "hang",
    "hang",
    "hang",
    "bad",
    "failing",
    "poison",
    "endless",
    "refused",
    "unwritable",
    "ghost",
    "locked",
]
RARE = {"poison": 2, "endless": 2, "ghost": 1, "locked": 3}  # in one world: each keeps somebody busy for long
SIZES = [20, 20, 90, 300]  # bytes; the largest is pulled, in parts
ENDS = {  # how the reason of a failure begins, by kind
    "bad": ("bad image",),
    "failing": ("never works", "The worker cannot keep", "unreadable"),  # the last of its failures,
    "poison": ("The worker process died",),
    "endless": ("The worker process died", "No worker finished"),
    "refused": ("too large to be moved",),
    "unwritable": ("no such name can be written",),
    "ghost": ("The source lists this file, and does not find it",),
    "locked": ("It may not be read",),
}
FOR_GOOD = {"bad", "refused", "unwritable"}  # of these; the others are tried again and again


@dataclass(frozen=True)
class Photo:
    """partial: the upload has not ended."""

    path: str
    version: Version
    content: bytes
    kind: str
    partial: bool = False

    @property
    def key(self) -> bytes:
        """The same for photos of the same content; it stands for the content's hash."""
        return self.content[:16]

    def made_under(self, recipe: Recipe) -> bytes:
        """Its output under a recipe that has been completed for it."""
        return b"done:" + self.content + written(recipe)


# Nanoseconds since the epoch that cameras, archives and broken clocks have put on files: no ledger holds the first two.
ODD_TIMES = (10**19, -(10**19), 253402300799 * 10**9, -11644473600 * 10**9, 0, (1 << 63) - 1, -1)


class Camera:
    """Makes photos, and remembers them by their content. Versions are all different."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._numbers = itertools.count()
        self._versions = itertools.count()
        self._photos: dict[bytes, Photo] = {}
        self._runs: Counter[bytes] = Counter()
        self._kinds: Counter[str] = Counter()

    def shoot(self, path: str, mtime_ns: int) -> Photo:
        """A new photo."""
        content = b"photo-%010d" % next(self._numbers) + self._rng.randbytes(self._rng.choice(SIZES))
        photo = Photo(path, self._version(content, mtime_ns), content, self._choose_kind())
        self._photos[photo.key] = photo
        return photo

    def copy(self, photo: Photo, path: str, mtime_ns: int) -> Photo:
        """A twin: the same content under another path."""
        return Photo(path, self._version(photo.content, mtime_ns), photo.content, photo.kind)

    def rewrite(self, photo: Photo) -> Photo:
        """Another photo of the same size and time in its place, as cp -p makes it."""
        content = b"photo-%010d" % next(self._numbers) + photo.content[16:]
        other = replace(photo, content=content, version=self._touched(photo.version), kind="good")
        self._photos[other.key] = other
        return other

    def touch(self, photo: Photo) -> Photo:
        """The photo after a chmod."""
        return replace(photo, version=self._touched(photo.version))

    def _touched(self, version: Version) -> Version:
        return replace(version, ctime_ns=next(self._versions) + 1)

    def half_of(self, photo: Photo, mtime_ns: int) -> Photo:
        """The photo while it is being uploaded."""
        content = photo.content[: len(photo.content) // 2]
        return Photo(photo.path, self._version(content, mtime_ns), content, photo.kind, partial=True)

    def _version(self, content: bytes, mtime_ns: int) -> Version:
        if self._rng.random() < 0.05:
            mtime_ns = self._rng.choice(ODD_TIMES)
        number = next(self._versions) + 1
        return Version(len(content), mtime_ns, str(number), ctime_ns=number, inode=number)

    def _choose_kind(self) -> str:
        kind = self._rng.choice(KINDS)
        self._kinds[kind] += 1
        return kind if self._kinds[kind] <= RARE.get(kind, 1 << 30) else "good"

    def photo(self, key: bytes) -> Photo:
        return self._photos[key]

    def first_time(self, photo: Photo) -> bool:
        self._runs[photo.key] += 1
        return self._runs[photo.key] == 1
