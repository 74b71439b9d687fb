"""When to look at the source, and which of its objects are new.

An object is fresh unless the first complete listing of the source has shown it: then it is backfill. That the source
was listed stands in the ledger as soon as everything is there that this listing has shown. So fresh uploads stay fresh
over a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from filterfleet.common.wire.liveness import Randomness
from filterfleet.listener.core.actions import Glance, List, Look, Note
from filterfleet.listener.core.books import Books
from filterfleet.listener.core.left_alone import sentence
from filterfleet.listener.core.news import News
from filterfleet.listener.core.overlap import Overlap
from filterfleet.listener.core.rhythm import Rhythm
from filterfleet.listener.core.scan import (
    ROOT,
    Finding,
    Gone,
    Hidden,
    Listing,
    MassDisappearance,
    Scan,
    Settled,
    Version,
)
from filterfleet.listener.core.settings import (
    GLANCE,
    HINT_DELAY,
    KINDS_PAUSE,
    LOOK_DELAY,
    LOOK_SHARE,
    SHARE,
    Backfill,
    Settings,
)

DOUBT_ADVICE = "nothing is forgotten; if they were removed on purpose, say so with `filterfleet confirm-removals`"


class Discovery:
    """Decides between scans of everything and looks at single paths, and puts what was found in order."""

    def __init__(self, settings: Settings, books: Books, rng: Randomness) -> None:
        self._settings = settings
        self._books = books
        self._rng = rng
        settled = books.settled()
        self._scan = Scan(settled, settings.settle)
        self._rhythm = Rhythm(settings.interval, settings.settle, 0.0 if settings.once else SHARE)
        self._news = News(settings.settle, SHARE, HINT_DELAY)
        self._overlap = Overlap()
        self._watching = self._looking = False
        self._listed = self._recorded = books.was_listed  # to its end, and so in the ledger
        self._list_began = self._look_began = 0.0
        self._glancing = False  # before the first listing of this life
        self._looked_at: frozenset[str] = frozenset()
        self._found: deque[Finding] = deque()  # what listings have found and nobody has taken up yet
        self._backfill = settled.keys() - books.fresh()
        self._unseen = Hidden()  # what no listing could read since the very first one
        # The instant of the last listing that could read the source's root. A busy source counts at the beginning.
        self._readable_at = float("-inf")
        self._quiet_scans = 0  # the number of the latest scans in a row that found nothing
        self._stirred_at = float("-inf")  # when an object last turned out not to be what a scan had shown
        self._doubted: frozenset[str] = frozenset()  # the mass disappearance that was noted last
        self._alone: dict[str, int] | None = None  # the files that the last listing left alone, as in Listing
        self._noted_kinds: AbstractSet[str] = frozenset()  # the kinds of them that were noted last
        self._note_kinds_at = float("-inf")  # the instant from which others are noted
        self.unread: Mapping[str, str] = {}  # the folders that the last scan could not read, and why

    def allow_looks(self, *, watching: bool, looking: bool) -> None:
        """From now on, single paths can be looked at. See ListenerCore.start()."""
        self._watching, self._looking = watching, looking
        share, delay = (LOOK_SHARE, LOOK_DELAY) if looking else (SHARE, HINT_DELAY)
        self._news = News(self._settings.settle, share, delay)

    def glance(self) -> None:
        """Have a few objects seen before everything is listed."""
        self._glancing = self._settings.backfill is not Backfill.NONE or self._listed

    @property
    def quiet(self) -> bool:
        """Whether the last scan found nothing and leaves nothing to wait for."""
        return self._quiet_scans > 0 and self._scan.unsettled == 0 and not self._found

    @property
    def is_waiting(self) -> bool:
        """Whether objects are known that will be handed on without another scan."""
        return bool(self._found) or (self._looking and self._scan.unsettled > 0)

    @property
    def has_findings(self) -> bool:
        """Whether something was found that nobody has taken up yet."""
        return bool(self._found)

    @property
    def has_listed(self) -> bool:
        """Whether the source's root has been listed in this life."""
        return self._readable_at > float("-inf")

    # --- when to look ----

    def due(self, now: float) -> list[Glance | List | Look]:
        asked: list[Glance | List | Look] = []
        if self._rhythm.wait(now) == 0:
            if self._glancing:
                self._glancing = False
                asked.append(Glance(GLANCE))
            self._rhythm.begin(now)
            self._list_began = now
            self._overlap.list_begins()
            asked.append(List())
        if self._look_wait(now) == 0:
            self._looked_at, self._look_began = self._news.begin(now), now
            self._overlap.look_begins(self._looked_at)
            asked.append(Look(self._looked_at))
        return asked

    def wait(self, now: float) -> float:
        """Seconds until something is due."""
        return min(self._rhythm.wait(now), self._look_wait(now))

    def _look_wait(self, now: float) -> float:
        """The first listing of each life tells the source which files are wanted; looks come after it."""
        return self._news.wait(now) if self.has_listed else float("inf")

    def hint(self, now: float) -> None:
        """Have everything listed soon."""
        self._rhythm.hint(now)

    def hasten(self, now: float) -> None:
        """Have everything listed at once."""
        self._rhythm.hasten(now)

    def heard(self, path: str, now: float) -> None:
        """Something has happened to this path, or anywhere if it is ROOT. Before the first listing it is unknown which
        objects are fresh, so that everything is listed."""
        if self._may_look_at(path):
            self._news.hear(path, now)
        else:
            self._rhythm.hint(now)

    def _may_look_at(self, path: str) -> bool:
        return path != ROOT and (self._watching or self._looking) and self._listed

    # --- what was found ----

    def glanced(self, listing: Listing, now: float) -> list[Finding]:
        """The glance that was asked for has ended; returns what is to be taken up. What a first glance shows is
        backfill, as what the listing shows that follows."""
        if not self._listed:
            self._backfill |= listing.objects.keys()
        return self._in_order(self._scan.glance(listing, now, self._list_began))

    def looked(self, found: Mapping[str, Version], now: float) -> list[Finding]:
        """The look that was asked for has ended; returns what is to be taken up."""
        written = self._news.written
        disputed = self._overlap.look_ends(found)
        agreed = {path: version for path, version in found.items() if path not in disputed} if disputed else found
        findings = self._scan.look(self._looked_at - disputed, agreed, now, self._look_began, written - disputed)
        self._news.end(self._looked_at, self._scan.is_unsettled, now)
        if not self._looking:  # a store may tell of an object for a moment before it shows it
            self._news.expect(written - found.keys(), now)
        for path in disputed:
            self.stir(path, now)
            if path in written:
                self._news.hear(path, now)
        return findings

    def listed(self, listing: Listing, now: float) -> list[Note]:
        """The listing that was asked for has ended. What it has found is to be taken up: see take()."""
        self._note_first(listing)
        disputed = self._overlap.list_ends(listing.objects)
        for path in disputed:
            self.stir(path, now)
        findings = self._scan.update(_without(listing, disputed), now, self._list_began)
        failed = ROOT in listing.unread
        if not failed or (listing.busy and self._readable_at == float("-inf")):
            self._readable_at = now
        quiet = all(isinstance(finding, MassDisappearance) for finding in findings)  # every scan finds that again
        quiet = quiet and self._list_began > self._stirred_at and not self._may_come_back(listing, now)
        self._quiet_scans = self._quiet_scans + 1 if quiet else 0
        if not any(isinstance(finding, MassDisappearance) for finding in findings):
            self._doubted = frozenset()
        unsettled = self._scan.unsettled > 0
        if unsettled and self._looking:
            self._news.expect(self._scan.growing, now)
        self._rhythm.end(now, unsettled=unsettled and not self._looking, failed=failed, dice=self._rng.random())
        self._found += self._in_order(findings)
        return [*self._left_alone(listing, now), *self._unread(listing)]

    def take(self, most: int) -> list[Finding]:
        """What is to be taken up next. What has been overtaken by later findings is dropped."""
        taken: list[Finding] = []
        while self._found and len(taken) < most:
            finding = self._found.popleft()
            if self._is_current(finding):
                taken.append(finding)
        return taken

    def taken_up(self) -> None:
        """The ledger has what take() has returned."""
        if self._listed and not self._recorded and not self._found:
            self._recorded = True
            self._books.set_listed()

    def _is_current(self, finding: Finding) -> bool:
        match finding:
            case Settled(path, version):
                return self._scan.is_latest(path, version)
            case Gone(path):
                return not self._scan.knows(path)
            case _:
                return True

    def is_fresh(self, path: str) -> bool:
        return self._listed and path not in self._backfill

    def _left_alone(self, listing: Listing, now: float) -> list[Note]:
        """Note the kinds of files that are left alone when they change, but at most once per KINDS_PAUSE. With
        once, the command says it at its end."""
        counts = dict(listing.left_alone)
        if ROOT in listing.unread:  # then the listing need not have seen all of them
            return []
        if counts != self._alone:
            self._alone = counts
            self._books.leave_alone(counts)
        if self._settings.once or counts.keys() == self._noted_kinds or now < self._note_kinds_at:
            return []
        self._noted_kinds = counts.keys()
        self._note_kinds_at = now + KINDS_PAUSE
        said = sentence(counts) or "no files are left alone any more"
        return [Note("info", "files left alone", {"files": sum(counts.values()), "what": said})]

    def _unread(self, listing: Listing) -> list[Note]:
        if listing.unread == self.unread:
            return []
        notes = [
            Note("error", "folder left out", {"folder": folder, "reason": reason})
            for folder, reason in listing.unread.items()
        ]
        self.unread = listing.unread
        return notes or [Note("info", "every folder can be read again")]

    def doubts(self, gone: frozenset[str], known: int) -> list[Note]:
        """These of all known objects have vanished at once; noted once for each such set."""
        if gone == self._doubted:
            return []
        self._doubted = gone
        fields = {"gone": len(gone), "known": known, "advice": DOUBT_ADVICE}
        return [Note("warning", "most objects vanished at once", fields)]

    def confirm_removals(self, now: float) -> int:
        """The disappearance that is in doubt was meant: the next listing that shows it is believed. Returns how many
        objects are in doubt."""
        self._scan.confirm(self._doubted)
        self.hint(now)
        return len(self._doubted)

    def expire(self, path: str) -> None:
        """Should this object come back, it is processed anew."""
        self._scan.expire(path)

    def departed(self, path: str) -> None:
        """The object was taken away by us: its disappearance is no news."""
        self._scan.depart(path)

    def look_again(self, path: str, version: Version, now: float) -> None:
        """The object is not this version now: the next look decides, unless an earlier one has already."""
        if self._scan.forget(path, version):
            self._books.forget(path)
        self.stir(path, now)

    def stir(self, path: str, now: float) -> None:
        """The object has changed since it was seen: no scan that is under way can say that all is quiet."""
        self._quiet_scans = 0
        self._stirred_at = now
        if self._may_look_at(path):
            self._news.add(path, now)
        else:
            self._rhythm.hint(now)

    # --- contents that may be the same ----

    def is_worth_comparing(self, path: str, version: Version) -> bool:
        """Whether this object, which was found again, may have another content."""
        return self._scan.is_worth_comparing(path, version)

    def compared(self, path: str, *, same: bool) -> None:
        """The content of an object that was found again is known."""
        self._scan.compared(path, same=same)

    def compare_again(self, path: str, version: Version, now: float) -> None:
        """The content of this version could not be compared."""
        self._scan.doubt(path, version)
        self.stir(path, now)

    # --- inside ----

    def _note_first(self, listing: Listing) -> None:
        """Note what the source holds when it is first listed: with Backfill.NONE it is skipped. An object that is still
        being written then becomes another version, which is processed. A folder that cannot be read then is first
        listed when it can be read."""
        first, unseen = not self._listed, self._unseen
        if ROOT not in listing.unread:
            self._listed = True
            self._unseen = Hidden(listing.unread) if first else unseen.still(listing.unread)
        if first or unseen:
            for path, version in listing.objects.items():
                if first or (path in unseen and not self._scan.knows(path)):
                    self._backfill.add(path)
                    if self._settings.backfill is Backfill.NONE:
                        self._books.skip(path, version)
                        self._scan.skip(path, version)

    def _may_come_back(self, listing: Listing, now: float) -> bool:
        """The source cannot be read, but could a moment ago."""
        return ROOT in listing.unread and now - self._readable_at < self._settings.once_patience

    def _in_order(self, findings: Iterable[Finding]) -> list[Finding]:
        newest = self._settings.backfill is Backfill.NEWEST

        def age(finding: Finding) -> int:
            mtime = finding.version.mtime_ns if isinstance(finding, Settled) else 0
            return -mtime if newest else mtime

        return sorted(findings, key=age)


def _without(listing: Listing, disputed: AbstractSet[str]) -> Listing:
    """A listing that says nothing about these paths."""
    if not disputed:
        return listing
    objects = {path: version for path, version in listing.objects.items() if path not in disputed}
    return replace(listing, objects=objects, unread={**listing.unread, **dict.fromkeys(disputed, "It is changing.")})
