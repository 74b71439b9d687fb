"""Compares each listing of the source with the one before. Notifications are hints; the scan is the truth."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from filterfleet.listener.core.settings import MASS, MASS_MINIMUM

LEAST, MOST = -(1 << 63), (1 << 63) - 1  # the integers that a ledger holds
UNLIKE_ANY = -1  # a ctime_ns that no version has

ROOT = "."  # the name of the source's root, as a folder that could not be read


@dataclass(frozen=True, slots=True)
class Version:
    """One state of an object. size is in bytes, mtime_ns in nanoseconds since the epoch. tag is anything else that the
    store says about the content: a hash, an id, or nothing. ctime_ns is when a file system last changed the file or
    what it says about it, inode the number of the file there; both are 0 where nobody tells. Two equal versions are the
    same state, except that some file systems tell two states apart by the inode alone, and others change it at will.

    A store may tell any size and any time. Those beyond 64 bits with a sign become the nearest that has 64 bits, and
    stand in the tag as they were told.
    """

    size: int
    mtime_ns: int
    tag: str = ""
    ctime_ns: int = 0
    inode: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if not (LEAST <= self.mtime_ns <= MOST and LEAST <= self.size <= MOST):
            object.__setattr__(self, "tag", f"{self.tag} size={self.size} mtime={self.mtime_ns}".lstrip())
            object.__setattr__(self, "size", min(max(self.size, LEAST), MOST))
            object.__setattr__(self, "mtime_ns", min(max(self.mtime_ns, LEAST), MOST))

    def resembles(self, other: Version) -> bool:
        """Whether size, time and tag are the same."""
        return self.size == other.size and self.mtime_ns == other.mtime_ns and self.tag == other.tag

    def agrees(self, other: Version) -> bool:
        """Whether everything is the same that is known of both, but perhaps the inode."""
        ctimes = {self.ctime_ns, other.ctime_ns}
        return self.resembles(other) and (len(ctimes) == 1 or (0 in ctimes and UNLIKE_ANY not in ctimes))


NO_VERSION = Version(-1, 0)  # none that an object can have


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects below the source's root, by path, and what could not be read: folders, with a slash at their end or
    ROOT, and single files, each with the reason.

    A missing object is gone unless it is one of these files or lies in one of these folders. left_alone: how many files
    are no images to us, by kind (listener.core.left_alone); no decision about an object depends on it. busy: the root
    is unread because the store asks for fewer requests. clock_ns: an instant before the listing began, by the clock
    that the ctime_ns of versions come from; None if nobody knows that clock.
    """

    objects: Mapping[str, Version]
    unread: Mapping[str, str] = field(default_factory=dict)
    left_alone: Mapping[str, int] = field(default_factory=dict)
    busy: bool = False
    clock_ns: int | None = None


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
    """This version has stayed the same for long enough. It is to be processed.

    again: it resembles the version before, and its content may even be the same.
    """

    path: str
    version: Version
    again: bool = False


@dataclass(frozen=True, slots=True)
class Same:
    """This is the version that was handed on. More is known of it now."""

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


Finding = Settled | Same | Gone | MassDisappearance


class Scan:
    """Compares each listing with the one before.

    An object counts as completely written when two looks at it, at least `settle` seconds apart by our own clock, show
    the same version. One look is enough when the file system says that nothing has changed for so long: only its own
    clock and its ctime serve, because an upload may preserve an old mtime.
    """

    def __init__(self, settled: Mapping[str, Version], settle: float) -> None:
        """settled: the versions that an earlier life has handed on."""
        self._settle = settle
        self._settled = dict(settled)
        self._watched: dict[str, tuple[Version, float]] = {}  # and when it was first seen so
        self._confirmed: frozenset[str] = frozenset()  # somebody has said that they were removed
        self._departed: set[str] = set()  # taken away by us, and still in the last listing
        self._again: dict[str, bool] = {}  # handed on again and not compared yet: whether because of the inode alone
        self._inodes_count = True  # until one has changed with the same content

    @property
    def unsettled(self) -> int:
        """The number of objects that may still be growing."""
        return len(self._watched)

    @property
    def growing(self) -> Collection[str]:
        """The paths of these objects."""
        return self._watched.keys()

    def update(self, listing: Listing, now: float, began: float | None = None) -> list[Finding]:
        """now is an instant after the listing was complete; began one before it, by default the same."""
        findings = list(self._compare(listing.objects, now, now if began is None else began, listing.clock_ns))
        if ROOT not in listing.unread:
            findings += self._disappearances(listing)
        return findings

    def glance(self, listing: Listing, now: float, began: float) -> list[Finding]:
        """Compares a listing that may not be complete."""
        return list(self._compare(listing.objects, now, began, listing.clock_ns))

    def look(
        self,
        paths: Collection[str],
        found: Mapping[str, Version],
        now: float,
        began: float,
        written: Collection[str] = (),
    ) -> list[Finding]:
        """Compares single paths, of which those in found are in the source. Only update() can tell that the others are
        gone. written: those that somebody may have written to, whatever they look like."""
        for path in paths:
            if path not in found:
                self._watched.pop(path, None)
        for path in written:
            if path in found and found[path].ctime_ns:  # a store without it tells contents apart by other means
                self.doubt(path, found[path])
        return list(self._compare(found, now, began, None))

    def knows(self, path: str) -> bool:
        """Whether a version of it has been handed on."""
        return path in self._settled

    def is_latest(self, path: str, version: Version) -> bool:
        """Whether this is the version that was handed on last."""
        return self._settled.get(path) == version

    def is_unsettled(self, path: str) -> bool:
        return path in self._watched

    def _compare(
        self, objects: Mapping[str, Version], now: float, began: float, clock_ns: int | None
    ) -> Iterator[Finding]:
        unchanged_since = -1 if clock_ns is None else clock_ns - int(self._settle * 1e9)
        for path, version in objects.items():
            known = self._settled.get(path)
            if known == version and (known.inode == version.inode or not self._tells_apart(path, known, version)):
                self._watched.pop(path, None)
                continue
            if known is not None and known != version and known.agrees(version):
                self._watched.pop(path, None)
                self._settled[path] = version
                yield Same(path, version)
                continue
            watched = self._watched.get(path)
            if watched is None or watched[0] != version:
                watched = self._watched[path] = (version, now)
            if (
                self._settle == 0
                or 0 < version.ctime_ns <= unchanged_since
                or (watched[1] + self._settle <= began and watched[1] < began)
            ):
                yield self._hand_on(path, version, known)

    def _tells_apart(self, path: str, known: Version, version: Version) -> bool:
        """Whether another inode is news."""
        told = path in self._departed or self._again.get(path, False)
        return self._inodes_count and not told and bool(known.inode and version.inode)

    def _hand_on(self, path: str, version: Version, known: Version | None) -> Settled:
        del self._watched[path]
        self._settled[path] = version
        self._departed.discard(path)
        again = known is not None and known.resembles(version)
        if again:
            self._again[path] = known == version and self._again.get(path, True)
        return Settled(path, version, again)

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
            self._again.pop(path, None)
        return [Gone(path) for path in sorted(gone)]

    def forget(self, path: str, version: Version) -> bool:
        """The object is not this version now, and is compared anew. False: another version has settled since."""
        if self._settled.get(path) not in (version, _doubted(version)):
            return False
        del self._settled[path]
        self._departed.discard(path)
        return True

    def doubt(self, path: str, version: Version) -> None:
        """The content may not be that of this version any more: the next look hands it on again."""
        if self._settled.get(path) == version and path not in self._departed:
            self._settled[path] = _doubted(version)

    def is_worth_comparing(self, path: str, version: Version) -> bool:
        """False if this version has been overtaken, or only its inode is another one and inodes have turned out to say
        nothing here."""
        return self._settled.get(path) == version and (self._inodes_count or not self._again.get(path))

    def compared(self, path: str, *, same: bool) -> None:
        """The content of an object that was handed on again was compared with that of the version before."""
        if self._again.pop(path, False) and same:
            self._inodes_count = False

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


def _doubted(version: Version) -> Version:
    """What stands for a version whose content is in doubt."""
    return replace(version, ctime_ns=UNLIKE_ANY)
