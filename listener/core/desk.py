"""Follows every path that is under way, from its loading to its outcome in the ledger. work.py has the table."""

from __future__ import annotations

from filterfleet.common.jobs.ids import short_id
from filterfleet.common.jobs.job import job_id
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.core import events, notes
from filterfleet.listener.core.actions import Acknowledge, Action, Publish
from filterfleet.listener.core.again import Again
from filterfleet.listener.core.agenda import Agenda
from filterfleet.listener.core.asking import transfer_of
from filterfleet.listener.core.books import Books
from filterfleet.listener.core.copies import Copies
from filterfleet.listener.core.discovery import Discovery
from filterfleet.listener.core.events import Loaded, Published, Success, Trouble
from filterfleet.listener.core.group import Groups
from filterfleet.listener.core.intake import Intake
from filterfleet.listener.core.jobs import JobInHand, Jobs
from filterfleet.listener.core.place import Place
from filterfleet.listener.core.retries import NEVER_FOUND, Retries
from filterfleet.listener.core.rivals import Rivals
from filterfleet.listener.core.settings import Failures, Settings
from filterfleet.listener.core.work import AT_SOURCE, State, Work


class Desk:
    def __init__(
        self, settings: Settings, recipe: Recipe, books: Books, discovery: Discovery, actions: list[Action]
    ) -> None:
        """actions: the core's list, to which the desk adds."""
        self.settings = settings
        self.intake = Intake(settings.window, settings.small, settings.spool, spooled=settings.spooled_in)
        self.retries = Retries(books, discovery, self.intake, actions)
        self._again = Again(books, discovery)
        self.stopping = False
        self._recipe = recipe
        self._books = books
        self._discovery = discovery
        self._actions = actions
        patience = settings.once_patience if settings.once else float("inf")
        self.source, self.output = Place("source", patience), Place("output", patience)
        self._agenda: Agenda[str] = Agenda()  # paths whose transfers are tried again
        self.works: dict[str, Work] = {}  # by path
        self.jobs = Jobs(recipe, actions, copies=not settings.sidecar)
        self._groups = Groups()
        self._copies = Copies()
        self._rivals = Rivals(recipe, books)
        self._after_commit: list[Work | bytes] = []  # transfers to begin, and jobs to acknowledge

    @property
    def idle(self) -> bool:
        """Whether nothing is under way or in the line."""
        return self.intake.idle and not self.works

    @property
    def next(self) -> float:
        """The instant at which run_due() has something to do; infinite if there is none."""
        return min(self._agenda.next, self._groups.next, self.retries.next)

    def resume(self) -> None:
        """Take up the work that an earlier life has left undone."""
        for path, version, fresh in self._books.pending():
            self.intake.add(path, version, fresh=fresh)
        due = dict(self._books.due()) if self.settings.departs else {}
        for path, version in self._books.stale():
            self._begin_later(self._add(Work(path, version, fresh=False, departs=path in due)), State.CLEARING)
        for path, version in due.items():
            if path not in self.works:
                self._begin_later(self._add(Work(path, version, fresh=False, departs=True)), State.LEAVING)

    def feed(self, now: float) -> None:
        """Begin with the objects in the line, as far as there is room."""
        while not self.source.pause(now) and (taken := self.intake.take(self.is_busy)) is not None:
            path, version, fresh = taken
            again = self.intake.is_again(path)
            if again and not self._discovery.is_worth_comparing(path, version):
                self.intake.release(path)
                continue
            self._begin(self._add(Work(path, version, fresh, self.settings.departs, again)), State.LOADING)

    def is_busy(self, path: str) -> bool:
        """Whether the path has to wait: outputs that are being copied must not be replaced."""
        return path in self.works or path in self._copies

    def run_due(self, now: float) -> None:
        """Do everything that is due."""
        for path in self._agenda.take(now):
            self._ask(self.works[path])
        self.retries.run_due(self.works.__contains__, now)

    def publish(self, now: float) -> None:
        """Publish what has been written, if it is time."""
        if paths := self._groups.close(now, len(self.works)):
            self._actions.append(Publish(paths))

    def commit(self) -> None:
        """Commit the ledger, then begin everything that waited for that."""
        self._books.commit()
        waiting, self._after_commit = self._after_commit, []
        for item in waiting:
            if isinstance(item, Work):
                self._ask(item)
            else:
                self._actions.append(Acknowledge(item))

    # --- events ----

    def on_success(self, event: Success, now: float) -> None:
        work = self.works[event.path]
        work.expect(event)
        if not isinstance(event, events.Written | events.Copied):  # these have not succeeded before they are published
            self._actions += self._place(work).succeeded(work.path)
        match event:
            case Loaded():
                self._on_loaded(work, event, now)
            case events.Refused(_, reason):
                self.retries.found(work.path)
                self._fail(work, reason, transient=False, now=now)
            case events.Copied(_, found):
                if found:
                    self._publish_later(work, 0.0, now)
                else:
                    self._copies.end(work)
                    self._process(work, now)
            case events.Written(_, seconds, sidecar):
                work.sidecar = sidecar
                self._publish_later(work, seconds, now)
            case events.Told():
                self._record_failure(work, transient=False, now=now)
            case events.Cleared():
                self._books.take_back(work.path)
                self._after_clearing(work)
            case events.TakenAway():
                self._books.departed(work.path, work.version)
                self._discovery.departed(work.path)
                self._end(work)

    def on_published(self, event: Published, now: float) -> None:
        for path in self._groups.ended():
            work = self.works[path]
            if path in event.troubles:
                work.enter(State.COPYING if work.original else State.WRITING)
                self.on_failure(path, event.troubles[path], now)
                continue
            self._actions += self.output.succeeded(path)
            self._copies.end(work)
            self._record(work)

    def on_failure(self, path: str, trouble: Trouble | None, now: float) -> None:
        work = self.works[path]
        if trouble is not None and self.stopping:  # we have cut it short ourselves
            return
        place = self._place(work)
        if (said := place.failed(path, short_id(work.job), trouble, now)) is not None:
            self._actions += said
            self._agenda.add(now + place.pause(now), path)
            return
        self._give_up(work, trouble, now)

    def on_outcome(self, id_: bytes, outcome: Result | Failed, now: float) -> None:
        job = self.jobs.ended(id_, outcome, now)
        for path in list(job.waiting):
            self._use(self.works[path], job, now)

    def on_source_changed(self, id_: bytes, now: float) -> None:
        for path in self.jobs.source_changed(id_):
            self._look_again(self.works[path], now)

    # --- transfers ----

    def _add(self, work: Work) -> Work:
        self.works[work.path] = work
        return work

    def _begin(self, work: Work, state: State) -> None:
        work.enter(state)
        self._ask(work)

    def _begin_later(self, work: Work, state: State) -> None:
        """Begin when the ledger has been committed."""
        work.enter(state)
        self._after_commit.append(work)

    def _ask(self, work: Work) -> None:
        """Ask for the transfer that belongs to the state of this work."""
        self._actions.append(transfer_of(work, self.settings))

    def _place(self, work: Work) -> Place:
        return self.source if work.state in AT_SOURCE else self.output

    def _give_up(self, work: Work, trouble: Trouble | None, now: float) -> None:
        """This transfer is not tried again. Without trouble, the object has changed."""
        if work.again and self._leaves_uncompared(work, trouble, now):
            return
        match work.state:
            case State.LOADING if trouble is None and self.retries.missed(work.path, work.version, now):
                self._look_again(work, now)
            case State.LOADING if trouble is not None and trouble.alone and trouble.transient:
                work.reason = trouble.reason  # others can be loaded: it leaves the window
                pause = self.retries.wait_alone(work.path, trouble)
                self._record_failure(work, transient=True, now=now, pause=pause)
            case State.LOADING | State.WRITING:
                why = trouble or NEVER_FOUND
                self._fail(work, why.reason, transient=why.transient, now=now)
            case State.COPYING:
                self._copies.end(work)
                self._process(work, now)
            case State.TELLING:
                self._actions.append(notes.trouble_note("warning", "failure cannot be told", work, trouble))
                self._record_failure(work, transient=False, now=now)
            case State.CLEARING:
                self._after_clearing(work)
            case State.LEAVING:
                self._books.stays(work.path, work.version)
                if trouble is None:
                    self._discovery.stir(work.path, now)
                else:
                    self._actions.append(notes.trouble_note("warning", "the source stays where it is", work, trouble))
                self._end(work)

    def _leaves_uncompared(self, work: Work, trouble: Trouble | None, now: float) -> bool:
        """Whether nothing has to be done about an object that was found again and cannot be loaded, but to compare it
        later."""
        if trouble is not None and self._books.made(work.path, work.version) is None:
            return False
        self.intake.release(work.path)
        self._end(work)
        if trouble is None:
            self._discovery.compare_again(work.path, work.version, now)
        elif not self.settings.once:
            self.retries.add(work.path, work.version, now + self.retries.wait_alone(work.path, trouble))
        return True

    # --- through the engine ----

    def _on_loaded(self, work: Work, loaded: Loaded, now: float) -> None:
        self.retries.found(work.path)
        work.job, work.image = job_id(loaded.digest, self._recipe.of(work.path)), loaded.image
        if work.again and not self._again.is_new(work):
            self._leave_window(work)
            self._after_clearing(work)
            return
        if lost := self._rivals.lost(work.path, self.works):
            self._fail(work, lost, transient=False, now=now)
            return
        twin = self._books.same_job(work.job) if self.jobs.may_copy(work) else None
        other = self.works.get(twin[0]) if twin else None
        if twin is None or (other and other.state is State.LOADING):  # found again: other outputs may replace these
            self._process(work, now)
        else:
            self._copies.begin(work, *twin)
            self._begin(work, State.COPYING)

    def _process(self, work: Work, now: float) -> None:
        """Have the engine make the outputs, unless it already does so for another path."""
        work.enter(State.PROCESSING)
        if work.job in self._after_commit:
            self.commit()  # else the acknowledgement of its last outcome would follow, and end it
        self._books.set_job(work.path, work.version, work.job)
        job = self.jobs.join(work, now)
        if job.outcome is not None:
            self._use(work, job, now)

    def _use(self, work: Work, job: JobInHand, now: float) -> None:
        """Go on with one path after the outcome of its job."""
        work.turnaround = job.turnaround
        if isinstance(job.outcome, Failed):
            work.worker, work.tries = job.outcome.worker, job.outcome.tries
            self._fail(work, job.outcome.reason, transient=job.outcome.kind == "transient", now=now)
            return
        assert job.outcome is not None
        work.result = job.outcome
        size = sum(output.size for output in job.outcome.outputs)
        self.intake.add_outputs(work.path, size, spooled=self.settings.spooled_out)
        self._begin(work, State.WRITING)

    # --- into the ledger ----

    def _publish_later(self, work: Work, seconds: float, now: float) -> None:
        """The outputs are written, which took this long."""
        work.writing = seconds
        work.enter(State.PUBLISHING)
        self._groups.add(work.path, now, work.turnaround + seconds, urgent=work.fresh)

    def _record(self, work: Work) -> None:
        """The outputs are in their places."""
        self._books.done(
            work.path,
            work.version,
            work.recorded,
            engine=self.settings.engine,
            write=work.writing,
            turnaround=work.turnaround,
            depart=work.departs,
        )
        self._actions += notes.done_notes(work, wanted=self.settings.log_images)
        self._leave_window(work)
        if self._books.is_told(work.path):
            self._begin(work, State.CLEARING)
        else:
            self._after_clearing(work)

    def _after_clearing(self, work: Work) -> None:
        if work.departs:
            self._begin_later(work, State.LEAVING)
        else:
            self._end(work)

    def _fail(self, work: Work, reason: str, *, transient: bool, now: float) -> None:
        """This version cannot be processed. A failure for good is told at the output before it is recorded."""
        self._actions.append(notes.failed_note(work, reason))
        work.reason = reason
        if transient or self.settings.failures is Failures.OFF:
            self._record_failure(work, transient=transient, now=now)
        else:
            self._books.tell(work.path)
            self._begin_later(work, State.TELLING)

    def _record_failure(self, work: Work, *, transient: bool, now: float, pause: float | None = None) -> None:
        """pause: seconds until it is tried again if it is transient, instead of the usual ones."""
        if work.again:  # the ledger may have another version that resembles this one
            self._books.add(work.path, work.version, fresh=False)
        self._books.failed(work.path, work.version, work.reason, transient=transient, attempt=work.attempt)
        if transient and not self.settings.once:
            wait = self.settings.another_try if pause is None else pause
            self.retries.add(work.path, work.version, now + wait)
        self._leave_window(work)
        self._end(work)

    def _look_again(self, work: Work, now: float) -> None:
        """The object has changed or gone since this work began."""
        self.intake.release(work.path)
        self._end(work)
        self._discovery.look_again(work.path, work.version, now)

    def _leave_window(self, work: Work) -> None:
        """The ledger knows the outcome: other work may begin, and the job ends with its last path."""
        self.intake.release(work.path)
        work.result = None
        if work.image is not None:  # a twin has the outputs
            self.jobs.close([work.image])
        if self.jobs.leave(work):
            self._after_commit.append(work.job)

    def _end(self, work: Work) -> None:
        work.enter(State.ENDED)
        del self.works[work.path]
