"""Photos, what they do to workers, and how each must end."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass

from filterfleet.listener.core.scan import Version

# Some are good at first sight only: flaky fails once, hang gets stuck once. The last four never end well.
KINDS = ["good"] * 40 + ["flaky", "hang", "bad", "failing", "poison", "endless"]
DEADLY = {"poison", "endless"}
DEADLY_LIMIT = 2  # in one world: each keeps the fleet busy for half a minute, most of which is waiting
SIZES = [20, 20, 90, 300]  # bytes; the largest is pulled, in parts
ENDS = {  # how the reason of a failure begins, by kind
    "bad": ("bad image",),
    "failing": ("never works", "The worker cannot keep", "unreadable"),  # the last of its failures,
    "poison": ("The worker process died",),
    "endless": ("The worker process died", "No worker finished"),
}


@dataclass(frozen=True)
class Photo:
    path: str
    version: Version
    content: bytes
    kind: str

    @property
    def job(self) -> bytes:
        return self.content[:16]

    @property
    def made_of_it(self) -> bytes:
        return b"done:" + self.content


class Camera:
    """Makes photos, no two of the same content, and remembers them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._numbers = itertools.count()
        self._photos: dict[bytes, Photo] = {}
        self._runs: Counter[bytes] = Counter()
        self._deadly = 0

    def shoot(self, path: str, mtime_ns: int) -> Photo:
        content = b"photo-%010d" % next(self._numbers) + self._rng.randbytes(self._rng.choice(SIZES))
        photo = Photo(path, Version(len(content), mtime_ns), content, self._choose_kind())
        self._photos[photo.job] = photo
        return photo

    def _choose_kind(self) -> str:
        kind = self._rng.choice(KINDS)
        if kind not in DEADLY:
            return kind
        self._deadly += 1
        return kind if self._deadly <= DEADLY_LIMIT else "good"

    def photo(self, job: bytes) -> Photo:
        return self._photos[job]

    def first_time(self, photo: Photo) -> bool:
        self._runs[photo.job] += 1
        return self._runs[photo.job] == 1
