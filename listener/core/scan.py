"""Compares each listing of the source with the one before. Notifications are hints; the scan is the truth."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from filterfleet.listener.core.settings import MASS, MASS_MINIMUM

LEAST, MOST = -(1 << 63), (1 << 63) - 1  # the integers that a ledger holds

ROOT = "."  # the name of the source's root, as a folder that could not be read


@dataclass(frozen=True, slots=True)
class Version:
    """One state of an object. size is in bytes, mtime_ns in nanoseconds since the epoch. tag is anything else that the
    store says about the content: a hash, an id, or nothing. Two equal versions are the same state.

    A store may tell any size and any time. Those beyond 64 bits with a sign become the nearest that has 64 bits, and
    stand in the tag as they were told.
    """

    size: int
    mtime_ns: int
    tag: str = ""

    def __post_init__(self) -> None:
        if not (LEAST <= self.mtime_ns <= MOST and LEAST <= self.size <= MOST):
            object.__setattr__(self, "tag", f"{self.tag} size={self.size} mtime={self.mtime_ns}".lstrip())
            object.__setattr__(self, "size", min(max(self.size, LEAST), MOST))
            object.__setattr__(self, "mtime_ns", min(max(self.mtime_ns, LEAST), MOST))


NO_VERSION = Version(-1, 0)  # none that an object can have


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects below the source's root, by path, and what could not be read: folders, with a slash at their end or
    ROOT, and single files, each with the reason.

    A missing object is gone unless it is one of these files or lies in one of these folders. left_alone: how many files
    are no images to us, by kind (listener.core.left_alone); no decision about an object depends on it. busy: the root
    is unread because the store asks for fewer requests.
    """

    objects: Mapping[str, Version]
    unread: Mapping[str, str] = field(default_factory=dict)
    left_alone: Mapping[str, int] = field(default_factory=dict)
    busy: bool = False


class Hidden:
    """What a listing cannot have seen, because it lies in what could not be read. unread: as in Listing."""

    def __init__(self, unread: Collection[str] = ()) -> None:
        self._everything = ROOT in unread
        self._unread = frozenset(unread)

    def __contains__(self, path: str) -> bool:
        if self._everything or path in self._unread:
            return True
        folders = (path[: at + 1] for at, letter in enumerate(path) if letter == "/")
        return any(folder in self._unread for folder in folders)

    def __bool__(self) -> bool:
        return bool(self._unread)

    def still(self, unread: Collection[str]) -> Hidden:
        """What is still hidden in a later listing with these unread."""
        return Hidden(self._unread.intersection(unread))

    def without(self, paths: AbstractSet[str]) -> set[str]:
        """Those of these paths that it has seen or would have seen."""
        return {path for path in paths if path not in self} if self._unread else set(paths)


@dataclass(frozen=True, slots=True)
class Settled:
    """This version has stayed the same for long enough. It is to be processed."""

    path: str
    version: Version


@dataclass(frozen=True, slots=True)
class Gone:
    """The object has vanished from the source."""

    path: str


@dataclass(frozen=True, slots=True)
class MassDisappearance:
    """More objects vanished at once than a user is likely to have deleted: see MASS. Nothing is forgotten."""

    gone: frozenset[str]
    known: int


Finding = Settled | Gone | MassDisappearance


class Scan:
    """Compares each listing with the one before.

    An object counts as completely written when two looks at it, at least `settle` seconds apart by our own clock, show
    the same version. Timestamps do not serve: an upload may preserve old ones.
    """

    def __init__(self, settled: Mapping[str, Version], settle: float) -> None:
        """settled: the versions that an earlier life has handed on."""
        self._settle = settle
        self._settled = dict(settled)
        self._watched: dict[str, tuple[Version, float]] = {}  # and when it was first seen so
        self._confirmed: frozenset[str] = frozenset()  # somebody has said that they were removed
        self._departed: set[str] = set()  # taken away by us, and still in the last listing

    @property
    def unsettled(self) -> int:
        """The number of objects that may still be growing."""
        return len(self._watched)

    def update(self, listing: Listing, now: float, began: float | None = None) -> list[Finding]:
        """now is an instant after the listing was complete; began one before it, by default the same."""
        findings: list[Finding] = list(self._compare(listing.objects, now, began))
        if ROOT not in listing.unread:
            findings += self._disappearances(listing)
        return findings

    def look(self, paths: Collection[str], found: Mapping[str, Version], now: float, began: float) -> list[Settled]:
        """Compares single paths, of which those in found are in the source. Only update() can tell that the others are
        gone."""
        for path in paths:
            if path not in found:
                self._watched.pop(path, None)
        return list(self._compare(found, now, began))

    def knows(self, path: str) -> bool:
        """Whether a version of it has been handed on."""
        return path in self._settled

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
        hidden = Hidden(listing.unread)
        for path in hidden.without(self._watched.keys() - listing.objects.keys()):
            del self._watched[path]
        for path in hidden.without(self._departed - listing.objects.keys()):
            del self._settled[path]
            self._departed.discard(path)
        known = hidden.without(self._settled.keys())
        gone = known - listing.objects.keys()
        confirmed, self._confirmed = self._confirmed, frozenset()
        if len(gone - confirmed) > max(MASS_MINIMUM, MASS * len(known)):
            return [MassDisappearance(frozenset(gone), len(known))]
        for path in gone:
            del self._settled[path]
        return [Gone(path) for path in sorted(gone)]

    def forget(self, path: str, version: Version) -> bool:
        """The object is no longer this version and is to be compared anew. False: another version has settled since."""
        if self._settled.get(path) != version:
            return False
        del self._settled[path]
        self._departed.discard(path)
        return True

    def expire(self, path: str) -> None:
        """If this object comes back, it counts as another version, whatever it looks like. It stays known until then:
        otherwise a source that shows nothing would be believed once enough of it had been forgotten."""
        self._settled[path] = NO_VERSION

    def confirm(self, gone: frozenset[str]) -> None:
        """The disappearance of these objects is believed by the next update, however many they are."""
        self._confirmed = gone

    def skip(self, path: str, version: Version) -> None:
        """Treat this version as handed on, without processing it."""
        self._settled[path] = version

    def depart(self, path: str) -> None:
        """The object was taken away by us: its disappearance is no finding."""
        if path in self._settled:
            self._departed.add(path)
