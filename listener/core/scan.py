"""What a look at the source means, given what was known before. Notifications are hints; this is the truth."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

ROOT = "."  # as the name of a folder that could not be read
MASS = 0.2  # share of all known objects that may vanish between two scans and be believed
MASS_MINIMUM = 10  # and this many may always vanish


@dataclass(frozen=True, slots=True)
class Version:
    """Two states of one object are the same when all of it agrees. size in bytes, mtime_ns since the epoch; tag is what
    else a store tells of the content: a hash, an id, or nothing."""

    size: int
    mtime_ns: int
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Paths below the source root, and the folders that could not be read, each with the reason.

    Only when every folder was read is what is not here gone.
    """

    objects: Mapping[str, Version]
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """This version was the same for long enough; it is to be processed."""

    path: str
    version: Version


@dataclass(frozen=True, slots=True)
class Gone:
    path: str


@dataclass(frozen=True, slots=True)
class MassDisappearance:
    """So many of the known objects vanished at once that a fault is likelier than a wish; nothing is forgotten."""

    gone: frozenset[str]
    known: int


Finding = Settled | Gone | MassDisappearance


class Scan:
    """Compares each listing with the one before.

    An object counts as completely written when two looks at it, at least `settle` seconds apart by our own
    clock, show the same version: a remote's timestamps may be preserved ones from long ago.
    """

    def __init__(self, settled: Mapping[str, Version], settle: float) -> None:
        """settled: what was already handed on, in this life or an earlier one."""
        self._settle = settle
        self._settled = dict(settled)
        self._watched: dict[str, tuple[Version, float]] = {}  # with the instant each was first seen so
        self._departed: set[str] = set()  # taken away by us, and not yet missing in a listing

    @property
    def unsettled(self) -> int:
        return len(self._watched)

    def update(self, listing: Listing, now: float, began: float | None = None) -> list[Finding]:
        """now is an instant after everything was looked at, began one before, if looking took its time."""
        findings: list[Finding] = list(self._compare(listing.objects, now, began))
        if not listing.unread:
            findings += self._disappearances(listing)
        return findings

    def look(self, paths: Collection[str], found: Mapping[str, Version], now: float, began: float) -> list[Settled]:
        """The same for some paths, of which those found are there. That the others vanished is for update() to say."""
        for path in paths:
            if path not in found:
                self._watched.pop(path, None)
        return list(self._compare(found, now, began))

    def is_unsettled(self, path: str) -> bool:
        return path in self._watched

    def _compare(self, objects: Mapping[str, Version], now: float, began: float | None) -> Iterator[Settled]:
        began = now if began is None else began
        for path, version in objects.items():
            if self._settled.get(path) == version:
                self._watched.pop(path, None)
                continue
            watched = self._watched.get(path)
            if watched is None or watched[0] != version:
                watched = self._watched[path] = (version, now)
            if self._settle == 0 or (watched[1] + self._settle <= began and watched[1] < began):
                del self._watched[path]
                self._settled[path] = version
                self._departed.discard(path)
                yield Settled(path, version)

    def _disappearances(self, listing: Listing) -> list[Finding]:
        for path in self._watched.keys() - listing.objects.keys():
            del self._watched[path]
        for path in self._departed - listing.objects.keys():
            del self._settled[path]
            self._departed.discard(path)
        gone = self._settled.keys() - listing.objects.keys()
        if len(gone) > max(MASS_MINIMUM, MASS * len(self._settled)):
            return [MassDisappearance(frozenset(gone), len(self._settled))]
        for path in gone:
            del self._settled[path]
        return [Gone(path) for path in sorted(gone)]

    def forget(self, path: str, version: Version) -> bool:
        """Look at this object anew, since it is no longer this version; False when another one has settled since."""
        if self._settled.get(path) != version:
            return False
        del self._settled[path]
        self._departed.discard(path)
        return True

    def knows(self, path: str, version: Version) -> bool:
        """Whether this is the version that was last handed on."""
        return self._settled.get(path) == version

    def skip(self, path: str, version: Version) -> None:
        """This version is not to be processed."""
        self._settled[path] = version

    def depart(self, path: str) -> None:
        """We take this object away: it is no news when it is gone."""
        if path in self._settled:
            self._departed.add(path)
