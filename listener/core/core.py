"""The listener without its files, sockets, threads and clocks: events and instants in, actions out.

The shell's duties, in this order: hand over every event that has come (on), carrying out its actions at once, then call
on_tick and carry out its actions. It comes back at most wait() seconds later. Instants are seconds of one monotonic
clock. The core writes into the ledger itself, and commits it in on_tick before it has anything acknowledged, told or
taken away: see Books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.text import size_text
from filterfleet.common.wire.liveness import Randomness
from filterfleet.listener.core.actions import Acknowledge, Action, Answer, Close, Note, Publish
from filterfleet.listener.core.books import Books
from filterfleet.listener.core.desk import Desk
from filterfleet.listener.core.discovery import Discovery
from filterfleet.listener.core.events import (
    Ended,
    Event,
    Glanced,
    Heard,
    Listed,
    Looked,
    Ordered,
    Published,
    SourceChanged,
    TransferFailed,
)
from filterfleet.listener.core.orders import Orders
from filterfleet.listener.core.scan import ROOT, Finding, Gone, Listing, MassDisappearance, Same, Settled, Version
from filterfleet.listener.core.settings import BREATH, FINDINGS, FIRST_FINDINGS, MANY, Settings

RESUME = "nothing new is begun before somebody says `filterfleet resume`"


class ListenerCore:
    """Takes the images of one source through one recipe to one output."""

    def __init__(self, settings: Settings, recipe: Recipe, books: Books, rng: Randomness) -> None:
        self.settings = settings
        self._books = books
        self._books.retry_transient()
        self._books.commit()
        self._actions: list[Action] = []
        self._discovery = Discovery(settings, books, rng)
        self.desk = Desk(settings, recipe, books, self._discovery, self._actions)
        self.desk.intake.paused = books.is_paused
        self._orders = Orders(books, self._discovery, self.desk)
        self._progress = books.progress()  # when it was last noted
        self._note_progress_at = float("inf")
        self._was_busy = False  # at the tick before

    def start(self, now: float, *, watching: bool, looking: bool = False, glancing: bool = False) -> None:
        """Before anything else. watching: paths will be heard of, and can be looked at. looking: a look at a path costs
        so little that what may still grow is looked at alone, and not by listing everything again. glancing: a few
        objects can be seen at next to no cost, for work to begin with while everything else is listed."""
        self._discovery.allow_looks(watching=watching, looking=looking)
        self.desk.resume()
        if self.desk.intake.paused:
            self._actions.append(Note("warning", "paused", {"advice": RESUME}))
        if glancing and self.desk.idle:
            self._discovery.glance()
        self._note_progress_at = now + self.settings.progress

    def on(self, event: Event, now: float) -> list[Action]:
        match event:
            case Heard(path):
                self._discovery.heard(path, now)
            case Listed(listing):
                self._on_listed(listing, now)
            case Glanced(listing):
                self._take_up(self._discovery.glanced(listing, now))
                self.desk.feed(now)
            case Looked(found):
                self._take_up(self._discovery.looked(found, now))
                self.desk.retries.seen(found, self.desk.works.__contains__, now)
                self.desk.feed(now)  # at once: a fresh upload does not wait for the other events in the queue
            case Ended(job, outcome):
                self.desk.on_outcome(job, outcome, now)
            case Published():
                self.desk.on_published(event, now)
            case SourceChanged(job):
                self.desk.on_source_changed(job, now)
            case Ordered(id_, order):
                self._orders.on(id_, order, now)
            case TransferFailed(path, trouble):
                self.desk.on_failure(path, trouble, now)
            case _:
                self.desk.on_success(event, now)
        return self._take()

    def on_tick(self, now: float) -> list[Action]:
        """Do everything that is due. Then commit the ledger, begin everything that waited for that, and begin new
        work."""
        self.desk.run_due(now)
        self._take_up(self._discovery.take(FINDINGS))
        self._note_progress(now)
        if self.settings.once and self.desk.intake.idle and not self._discovery.is_waiting:
            self._discovery.hint(now)  # one more scan, which finds that nothing is left
        if self.settings.once and self._was_busy and self.desk.idle:
            self._discovery.hasten(now)
        self._was_busy = not self.desk.idle
        if not self.finished:
            self._actions += self._discovery.due(now)
        self.desk.commit()
        self.desk.publish(now)
        self._actions += self._orders.take_answers()
        self.desk.feed(now)
        return self._take()

    def wait(self, now: float) -> float:
        """Seconds until on_tick has something to do, if no event comes before."""
        if self.has_findings:
            return 0.0
        instant = min(self.desk.next, self._note_progress_at)
        return max(0.0, min(instant - now, self._discovery.wait(now)))

    @property
    def gather(self) -> float:
        """Seconds for which the shell may let events gather before it hands them over."""
        return BREATH if len(self.desk.works) >= MANY else 0.0

    def stop(self) -> None:
        """The shell begins nothing more and cuts short whatever is under way. Failures mean nothing from now on."""
        self.desk.stopping = True

    def publish_rest(self) -> list[Publish]:
        """To be called when nothing is under way any more, until it returns nothing: what is left to be published."""
        self.desk.publish(float("inf"))
        return [action for action in self._take() if isinstance(action, Publish)]

    def end(self) -> list[Action]:
        """To be called after the last event: commit the ledger, and return the acknowledgements."""
        self.desk.commit()
        self._actions += self._orders.take_answers()
        return [action for action in self._take() if isinstance(action, Acknowledge | Close | Note | Answer)]

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do, for a listener that is to end then."""
        return self.settings.once and self._discovery.quiet and self.desk.idle

    @property
    def idle(self) -> bool:
        """Whether nothing is under way or in the line."""
        return self.desk.idle and not self.has_findings

    @property
    def has_findings(self) -> bool:
        """Whether the last scan has found something that is not in the ledger yet."""
        return self._discovery.has_findings

    @property
    def pending(self) -> int:
        """The length of the line."""
        return self.desk.intake.waiting

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why the source or the output, as a whole, cannot be used now."""
        away = self._discovery.unread.get(ROOT)
        places = {place.name: place.trouble for place in (self.desk.source, self.desk.output) if place.trouble}
        return ({} if away is None else {"source": away}) | places

    @property
    def unread(self) -> Mapping[str, str]:
        """The folders that the last scan could not read, and why."""
        return self._discovery.unread

    # --- from the source to the line ----

    def _on_listed(self, listing: Listing, now: float) -> None:
        if self.desk.stopping:  # we have cut it short ourselves: it says nothing about the source
            return
        self._actions += self._discovery.listed(listing, now)
        self._take_up(self._discovery.take(FIRST_FINDINGS))  # the others in the ticks that follow
        self._orders.listed(now)
        self.desk.feed(now)

    def _take_up(self, findings: Iterable[Finding]) -> None:
        new: list[tuple[str, Version, bool]] = []
        renewed: list[tuple[str, Version]] = []
        for finding in findings:
            match finding:
                case Settled(path, version, again):
                    if not (again and self._is_known(path, version)):
                        new.append((path, version, self._discovery.is_fresh(path)))
                case Same(path, version):
                    renewed.append((path, version))
                case Gone(path):
                    self._books.forget(path)
                    self.desk.retries.found(path)
                case MassDisappearance(gone, known):
                    for path in gone:  # a failure is forgotten all the same: no output is lost with it
                        if self._books.forget_failed(path):
                            self._discovery.expire(path)
                    self._actions += self._discovery.doubts(gone, known)
        self._enter(new, renewed)
        self._discovery.taken_up()

    def _enter(self, new: Sequence[tuple[str, Version, bool]], renewed: Sequence[tuple[str, Version]]) -> None:
        """Into the ledger and the line. In most turns there is nothing."""
        if renewed:
            self._books.renew(renewed)
        if new:
            self._books.add_all(new)
        for path, version, fresh in new:
            self._put_in_line(path, version, fresh=fresh)

    def _is_known(self, path: str, version: Version) -> bool:
        """Whether a version that was found again is no new one, as far as can be known without its content."""
        work = self.desk.works.get(path)
        match self._books.standing(path, version):
            case ("skipped", _):
                self._books.renew([(path, version)])
            case ("done", _):
                self.desk.intake.add_again(path, version)
            case ("pending", _) if work is not None and work.version.resembles(version):
                self.desk.intake.add_again(path, version)  # it may have been loaded before it changed
            case ("pending", True):  # it is loaded later
                self._discovery.compared(path, same=False)
            case ("failed", True):
                pass
            case _:
                return False
        return True

    def _put_in_line(self, path: str, version: Version, *, fresh: bool) -> None:
        if self.settings.spooled_in and version.size > self.settings.spool:
            sizes = f"{size_text(version.size)}, and the spool {size_text(self.settings.spool)}"
            reason = f"The file has {sizes}: give the spool more with --spool-limit."
            self._books.failed(path, version, reason, transient=True)
        else:
            self.desk.intake.add(path, version, fresh=fresh)

    # --- for people ----

    def _note_progress(self, now: float) -> None:
        """Note the progress once per interval, if there was any."""
        if now < self._note_progress_at:
            return
        self._note_progress_at = now + self.settings.progress
        progress = self._books.progress()
        if progress != self._progress:
            self._progress = progress
            counts = {"pending": progress.pending, "done": progress.done, "failed": progress.failed}
            self._actions.append(Note("info", "progress", counts))

    def _take(self) -> list[Action]:
        actions = list(self._actions)
        self._actions.clear()
        return actions
