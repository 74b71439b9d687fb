"""Bugs planted in the listener's core, by name."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

from msgspec import structs

from filterfleet.common.wire import Failed
from filterfleet.listener.core.actions import Acknowledge
from filterfleet.listener.core.again import Again
from filterfleet.listener.core.core import ListenerCore
from filterfleet.listener.core.desk import Desk
from filterfleet.listener.core.discovery import Discovery
from filterfleet.listener.core.events import Published
from filterfleet.listener.core.group import Groups
from filterfleet.listener.core.intake import Intake
from filterfleet.listener.core.orders import Orders
from filterfleet.listener.core.overlap import Overlap
from filterfleet.listener.core.patience import Misses, Patience
from filterfleet.listener.core.place import Place
from filterfleet.listener.core.scan import ROOT, Gone, Hidden, Scan, Settled
from filterfleet.listener.core.work import State, Work

Patch = tuple[type | ModuleType, str, Any]


def _settled_at_once(self: Scan, objects: Any, _now: float, _began: float, _clock: int | None) -> Any:
    """One look at a file is enough, however fast it grows."""
    for path, version in objects.items():
        if self._settled.get(path) != version:
            self._settled[path] = version
            yield Settled(path, version)


def _mass_believed(self: Scan, listing: Any) -> Any:
    """A source that shows nothing has lost everything."""
    gone = self._settled.keys() - listing.objects.keys()
    for path in gone:
        del self._settled[path]
    return [Gone(path) for path in sorted(gone)]


def _backfill_not_skipped(self: Discovery, listing: Any) -> None:
    """The images of the first listing are processed, against the wish of the user."""
    self._listed |= not listing.unread


def _any_order(self: Discovery, findings: Any) -> list[Any]:
    """Findings come in the order of their names."""
    return list(findings)


def _backfill_first(self: Intake, is_busy: Any = lambda _: False) -> Any:
    """The backfill goes before fresh uploads."""
    self._fresh, self._backfill = self._backfill, self._fresh
    taken = _original_take(self, is_busy)
    self._fresh, self._backfill = self._backfill, self._fresh
    return None if taken is None else (taken[0], taken[1], not taken[2])


_original_take = Intake.take


def _room_leaked(self: Intake, path: str) -> None:
    """Work that has ended keeps its place in the window."""


def _never_refilled(self: Intake, *, fresh: bool) -> bool:
    """A window that was full once takes nothing more."""
    return not self._full[fresh] and _original_is_open(self, fresh=fresh)


_original_is_open = Intake._is_open


def _never_patient(self: Patience, path: str, now: float) -> bool:
    """An outage is taken for the fault of the object."""
    return False


def _missed_for_ever(self: Misses, path: str, version: Any, now: float) -> bool:
    """An object that is listed and never found is looked at again without end."""
    return True


def _retry_forgotten(self: Place, path: str, job: str, trouble: Any, now: float) -> Any:
    """A transfer that failed in an outage is tried again only after an hour."""
    notes = _original_failed(self, path, job, trouble, now)
    self._patience._until = now + 3600
    return notes


_original_failed = Place.failed


def _twins_forgotten(self: Desk, id_: bytes, outcome: Any, now: float) -> None:
    """Of several paths with the same content, the first one gets the outcome."""
    job = self.jobs.ended(id_, outcome, now)
    self._use(self.works[job.waiting[0]], job, now)


def _copy_taken_for_made(self: Desk, event: Any, now: float) -> None:
    """A copy whose original is gone counts as made."""
    if getattr(event, "found", None) is False:
        event = type(event)(event.path, found=True)
    _original_on_success(self, event, now)


_original_on_success = Desk.on_success


def _acknowledged_before_commit(self: Desk, work: Work) -> None:
    """The engine is told to forget a job before the ledger is durable."""
    _original_leave_window(self, work)
    self._actions += [Acknowledge(item) for item in self._after_commit if isinstance(item, bytes)]
    self._after_commit = [item for item in self._after_commit if not isinstance(item, bytes)]


_original_leave_window = Desk._leave_window


def _recorded_before_durable(self: Desk, work: Work, seconds: float, now: float) -> None:
    """Outputs are recorded when they are written, and not yet in their places."""
    work.enter(State.PUBLISHING)
    self._copies.end(work)
    self._record(work)


def _sync_failure_ignored(self: Desk, event: Published, now: float) -> None:
    """Outputs are recorded though their disk has reported an error."""
    _original_on_published(self, Published({}), now)


_original_on_published = Desk.on_published


def _tail_forgotten(self: Groups, now: float, under_way: int) -> tuple[str, ...]:
    """What is written while a group is being published is never published."""
    paths = _original_close(self, now, under_way)
    if self._published and not paths:
        self._gathering.clear()
    return paths


_original_close = Groups.close


def _listing_believed(self: Overlap, objects: Any) -> set[str]:
    """A listing counts even where a look has shown something else meanwhile."""
    _original_list_ends(self, objects)
    return set()


_original_list_ends = Overlap.list_ends


def _trouble_ends_the_group(self: Desk, event: Published, now: float) -> None:
    """When one path of a group is in trouble, those behind it are not recorded."""
    if event.troubles:
        self._groups._published = self._groups._published[:1]
    _original_on_published(self, event, now)


def _left_before_commit(self: Desk, work: Work, state: State) -> None:
    """A source is taken away as soon as its outputs are written."""
    self._begin(work, state)


def _never_cleared(self: Desk, work: Work) -> None:
    """A failure stays told at the output when the image has been mended."""
    told, self._books.is_told = self._books.is_told, lambda _: False  # type: ignore[method-assign]
    _original_record(self, work)
    self._books.is_told = told  # type: ignore[method-assign]


_original_record = Desk._record


def _failures_kept_quiet(self: Desk, work: Work, reason: str, *, transient: bool, now: float) -> None:
    """A permanent failure is recorded, but not told at the output."""
    work.reason = reason
    self._record_failure(work, transient=transient, now=now)


def _change_ignored(self: Desk, id_: bytes, now: float) -> None:
    """An image that changed while the engine read it counts as a permanent failure."""
    self.on_outcome(id_, Failed(id_, "permanent", "The image has changed."), now)


def _never_finished_looking(self: ListenerCore) -> bool:
    """A listener that is to end when everything is done ends before it has looked."""
    return self.settings.once and self.idle


def _nothing_resumed(self: Desk) -> None:
    """The work that an earlier life has left undone is not taken up."""


def _all_wait_for_one(self: Desk, path: str, trouble: Any, now: float) -> None:
    """The trouble of one object is taken for that of its place."""
    _original_on_failure(self, path, trouble and structs.replace(trouble, alone=False), now)


_original_on_failure = Desk.on_failure


def _nothing_hidden(self: Hidden, path: str) -> bool:
    """What is in a folder that cannot be read counts as gone."""
    return False


def _listed_when_all_is_read(self: Discovery, listing: Any) -> None:
    """While a folder cannot be read, every listing counts as the first one."""
    readable = replace(listing, unread={ROOT: ""}) if listing.unread else listing
    _original_note_first(self, readable)


_original_note_first = Discovery._note_first


def _fresh_forgotten(self: Discovery, listing: Any) -> None:
    """Whatever the first listing of a life shows is backfill."""
    _original_note_first(self, listing)
    if not getattr(self, "_has_listed", False):
        self._has_listed = True  # type: ignore[attr-defined]
        self._backfill.update(listing.objects)


def _listing_cut_short(self: Discovery, most: int) -> list[Any]:
    """What was found is taken up as far as the first turn goes."""
    taken = _original_take_findings(self, most)
    self._found.clear()
    return taken


_original_take_findings = Discovery.take


def _taken_for_the_same(self: Again, work: Work) -> bool:
    """Size and time say that the content is the same."""
    self._books.made = lambda *_: work.job  # type: ignore[method-assign]
    new = _original_is_new(self, work)
    del self._books.made
    return new


_original_is_new = Again.is_new


def _always_new(self: ListenerCore, path: str, version: Any) -> bool:
    """After a chmod, an image is processed once more."""
    return False


def _answered_before_commit(self: ListenerCore) -> list[Any]:
    """An order is answered as soon as it is understood."""
    self._actions += self._orders.take_answers()
    return _original_take_actions(self)


_original_take_actions = ListenerCore._take


def _order_kept_from_the_line(self: Orders, objects: Any, wanted: Any) -> int:
    """What is ordered again is pending in the ledger, and nobody processes it."""
    return sum(self._books.again(path, version) for path, version in objects if wanted(path))


def _pause_forgotten_at_restart(self: ListenerCore, now: float, **how: Any) -> None:
    """A pause lasts as long as the life that it was ordered in."""
    self.desk.intake.paused = False
    _original_start(self, now, **how)


_original_start = ListenerCore.start


def _pause_ends_the_line(self: Orders, id_: str, *, paused: bool) -> None:
    """Who resumes after a pause does not take up the line."""
    self._desk.intake.paused |= paused
    self._answer(id_, self._books.pause() if paused else self._books.resume())


LISTENER_MUTANTS: dict[str, tuple[Patch, ...]] = {
    "settled at once": ((Scan, "_compare", _settled_at_once),),
    "mass disappearance believed": ((Scan, "_disappearances", _mass_believed),),
    "backfill not skipped": ((Discovery, "_note_first", _backfill_not_skipped),),
    "backfill in any order": ((Discovery, "_in_order", _any_order),),
    "backfill taken first": ((Intake, "take", _backfill_first),),
    "window never emptied": ((Intake, "release", _room_leaked),),
    "window never refilled": ((Intake, "_is_open", _never_refilled),),
    "outage taken for a fault": ((Patience, "failed", _never_patient),),
    "missed for ever": ((Misses, "missed", _missed_for_ever),),
    "transfer never tried again": ((Place, "failed", _retry_forgotten),),
    "twins forgotten": ((Desk, "on_outcome", _twins_forgotten),),
    "copy taken for made": ((Desk, "on_success", _copy_taken_for_made),),
    "acknowledged before commit": ((Desk, "_leave_window", _acknowledged_before_commit),),
    "recorded before durable": ((Desk, "_publish_later", _recorded_before_durable),),
    "failed sync ignored": ((Desk, "on_published", _sync_failure_ignored),),
    "listing overrules a look": ((Overlap, "list_ends", _listing_believed),),
    "tail of a group forgotten": ((Groups, "close", _tail_forgotten),),
    "group ended by a trouble": ((Desk, "on_published", _trouble_ends_the_group),),
    "left before commit": ((Desk, "_begin_later", _left_before_commit),),
    "failure never cleared": ((Desk, "_record", _never_cleared),),
    "failure not told": ((Desk, "_fail", _failures_kept_quiet),),
    "change taken for a failure": ((Desk, "on_source_changed", _change_ignored),),
    "ended without a look": ((ListenerCore, "finished", property(_never_finished_looking)),),
    "all wait for one": ((Desk, "on_failure", _all_wait_for_one),),
    "what cannot be read is gone": ((Hidden, "__contains__", _nothing_hidden),),
    "first listing again and again": ((Discovery, "_note_first", _listed_when_all_is_read),),
    "fresh forgotten at restart": ((Discovery, "_note_first", _fresh_forgotten),),
    "tail of a listing forgotten": ((Discovery, "take", _listing_cut_short),),
    "content not compared": ((Again, "is_new", _taken_for_the_same),),
    "done again after a chmod": ((ListenerCore, "_is_known", _always_new),),
    "answered before commit": ((ListenerCore, "_take", _answered_before_commit),),
    "order kept from the line": ((Orders, "_again", _order_kept_from_the_line),),
    "pause forgotten at restart": ((ListenerCore, "start", _pause_forgotten_at_restart),),
    "pause for ever": ((Orders, "_pause", _pause_ends_the_line),),
    "nothing resumed": ((Desk, "resume", _nothing_resumed),),
}
