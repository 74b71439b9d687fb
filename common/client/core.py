"""A client of the broker without its socket and its files: submits jobs until each has one outcome.

The broker is soft state, so all certainty lives here. A HELLO means "I hold nothing of yours" and makes every job that
has no outcome be submitted again; a SUBMIT without an answer is repeated; an outcome is handed to the application once
and acknowledged only when the application says so. state.py has the table of a job's states; submissions.py knows how
jobs come into the broker, flow.py how much may be on its way there, and fetch.py how outputs come back that no message
carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from filterfleet.common import wire
from filterfleet.common.client.acknowledgements import NEVER, Acknowledgements
from filterfleet.common.client.actions import Action, Deliver, ReadBlob, Tell
from filterfleet.common.client.fetching import Fetching
from filterfleet.common.client.settings import REVIEW_INTERVAL, ROOM_PATIENCE, SHORTAGES
from filterfleet.common.client.state import Entry, JobState
from filterfleet.common.client.submissions import Submissions
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.job import EXTENSION_OF_OUTPUT, Job, check_outputs
from filterfleet.common.wire import columns
from filterfleet.common.wire.actions import Discard, Open, Send
from filterfleet.common.wire.gets import Gets
from filterfleet.common.wire.link import Link
from filterfleet.common.wire.liveness import Randomness


class ClientCore:
    """Call start() once, then on_message() for what arrives, and on_tick() at deadline() at the latest. Only on_tick()
    sends jobs and acknowledgements, so that many of them travel together. Answer each Store with on_stored() or
    on_unstorable(). While there are gets, call answer() when there is room for a part of an image.

    brokers is how many there are to choose from. The client is with one of them, and goes to the next when it falls
    silent.
    """

    def __init__(self, rng: Randomness, brokers: int = 1) -> None:
        self.connected = False  # a HELLO has come on this socket
        self._rng = rng
        self._jobs: dict[bytes, Entry] = {}
        self._submissions = Submissions()
        self._fetching = Fetching()
        self.gets = Gets()
        self._session = b""
        self._link = Link(brokers)
        self._columns = False  # whether the broker understands columns
        self._acknowledgements = Acknowledgements()
        self._stale = False  # something has changed that may let jobs be sent
        self._next_review = 0.0
        self._actions: list[Action] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            wire.Hello: self._on_hello,
            wire.Accepted: lambda message, now: self._submissions.accepted((message.id,), now),
            wire.Accepteds: lambda message, now: self._submissions.accepted(message.ids, now),
            wire.Busy: self._on_busy,
            wire.Result: self._on_result,
            wire.Results: self._on_results,
            wire.Failed: self._on_failed,
            wire.Get: self._on_get,
            wire.Data: self._on_data,
            wire.Catalogue: self._on_news,
            wire.Status: self._on_news,
        }

    # --- the application's side ----

    def start(self, now: float) -> list[Action]:
        self._open(now)
        return self._take()

    def submit(self, *jobs: Job) -> None:
        """Begin jobs. One with the id of a job under way is the same job and changes nothing."""
        new = []
        for job in jobs:
            known = self._jobs.get(job.id)
            if known is None or known.state is JobState.DELIVERED:
                self._jobs[job.id] = Entry(job)
                new.append(job)
        if new:
            self._submissions.add(new)
            self._stale = True

    def acknowledge(self, jobs: Iterable[bytes], now: float) -> None:
        """The application has made these outcomes its own; the broker may forget them."""
        known = self._jobs
        delivered = JobState.DELIVERED  # a constant of an enumeration takes long to find
        ended = [job for job in jobs if (entry := known.get(job)) is not None and entry.state is delivered]
        for job in dict.fromkeys(ended):
            del known[job]
            self.gets.forget(job)
        self._acknowledgements.add(ended, now)

    def flush(self) -> list[Action]:
        """Send what is held for a moment, because the application leaves."""
        self._send_all(self._acknowledgements.take())
        return self._take()

    def cancel(self, job: bytes, _now: float) -> list[Action]:
        """Forget a job, whatever its state."""
        if (entry := self._jobs.pop(job, None)) is not None:
            self.gets.forget(job)
            self._actions += self._fetching.end(entry)
            self._submissions.cancel(job)
            self._send(wire.Cancel(job))
        return self._take()

    def request_status(self, _now: float) -> list[Action]:
        self._send(wire.StatusRequest())
        return self._take()

    def on_stored(self, blob: int, offset: int, now: float) -> list[Action]:
        """The shell has stored this part."""
        entry = self._fetching.pulling_into(blob)
        if entry is None or entry.fetch is None:
            self._actions.append(Discard(blob))  # nobody has needed it since
        else:
            entry.fetch.stored(blob, offset)
            self._fetch(entry, now)
        return self._take()

    def on_unstorable(self, blob: int, error: str, now: float) -> list[Action]:
        """The shell could not store a part of this blob. error is what the system says of it."""
        entry = self._fetching.pulling_into(blob)
        if entry is None:
            self._actions.append(Discard(blob))
        else:
            self._no_room(entry, error, now)
        return self._take()

    def answer(self) -> list[Action]:
        """There is room for one more part of an image on the way to the broker."""
        get = self.gets.next()
        entry = None if get is None else self._jobs.get(get.id)
        if get is None or entry is None:
            return []
        payload = entry.job.payload  # it was to travel with the job, and there was no room for it
        part = memoryview(payload[0])[get.offset : get.offset + get.length] if payload else None
        return [ReadBlob(get, part)]

    # --- the wire's side ----

    def on_message(self, frames: list[wire.Payload], now: float) -> list[Action]:
        """A message from the broker. Raises ProtocolError on any other. The messages before it in the same multipart
        message have been handled then, and their actions come with the next call."""
        if self._link.broken:
            return []  # too late: this socket has been given up
        parsed = wire.parse(frames, extended=True)
        if isinstance(parsed, wire.Ready | wire.Envelope):
            raise ProtocolError("a broker does not send this to a PPX client")
        self._link.heard(now)
        if isinstance(parsed, wire.Heartbeat):
            return self._take()
        for message in parsed:
            handler = self._handlers.get(type(message))
            if handler is None:
                raise ProtocolError(f"a client does not receive {message.NAME}")
            handler(message, now)
        self._stale = True
        return self._take()

    def on_refused(self, now: float) -> list[Action]:
        """The broker does not let this socket in: try another one after a pause."""
        if not self._link.broken:
            self._give_up(now)
        return self._take()

    def on_tick(self, now: float) -> list[Action]:
        if self._link.broken:
            if self._link.reopens(now):
                self._open(now)
            return self._take()
        if self._link.silent(now):
            self._give_up(now)
            return self._take()
        if self._link.beats(now):
            self._send(wire.Beat(self._session, minor=wire.MINOR))
        if self.connected and self._next_review <= now:
            self._next_review = now + REVIEW_INTERVAL
            for entry in list(self._fetching.values()):
                self._review(entry, now)
        self._stale = False
        due = self._submissions.due(now, columns=self._columns) if self.connected else []
        if due or self._acknowledgements.due <= now:
            self._send_all(self._acknowledgements.take())  # first, since a job may come again that was acknowledged
        self._send_all(due)
        return self._take()

    def deadline(self) -> float:
        """When to call on_tick(); at once when there may be something to send."""
        if self._link.broken:
            return self._link.deadline
        if self._stale:
            return float("-inf")
        review = self._next_review if self.connected and (self._submissions.pending or self._fetching) else NEVER
        return min(self._link.deadline, self._acknowledgements.due, review)

    # --- inside ----

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _send(self, message: wire.Message) -> None:
        if not self._link.broken:
            self._actions.append(Send(message))

    def _send_all(self, messages: Iterable[wire.Message]) -> None:
        if not self._link.broken:
            self._actions += map(Send, messages)

    def _open(self, now: float) -> None:
        """Meet a dead broker on a new socket under a new routing id, as the RFC has it."""
        self.connected = False
        self._session = b""
        self._columns = False
        self._acknowledgements.restart(columns=False)
        self.gets.clear()
        self._link.opened(now)
        self._actions.append(Open(wire.new_identity(self._rng), self._link.broker))
        self._send(wire.Beat(b"", minor=wire.MINOR))

    def _give_up(self, now: float) -> None:
        self.connected = False
        self._link.breaks(now)

    def _on_hello(self, hello: wire.Hello, now: float) -> None:
        self._link.agreed(hello.interval, hello.missed, now)
        if self.connected and hello.session == self._session:
            return
        self._session = hello.session
        self._columns = hello.minor >= 1
        self._acknowledgements.restart(columns=self._columns)
        self.connected = True
        self._actions.append(Tell(hello))
        self._submissions.restart()
        for entry in list(self._fetching.values()):
            self._actions += self._fetching.end(entry)
            entry.state = JobState.OPEN

    def _on_busy(self, busy: wire.Busy, now: float) -> None:
        self._submissions.refused(busy.id, now + busy.retry_after * (1 + self._rng.random()), now)

    def _on_result(self, result: wire.Result, now: float) -> None:
        entry = self._open_entry(result.id)
        if entry is None:
            return
        try:
            if entry.job.outputs:
                check_outputs(entry.job.outputs, result.outputs, entry.job.largest_output)
            if result.left and not entry.job.reference:
                raise ProtocolError("The worker has left its outputs in a share, where nobody looks for them.")
        except ProtocolError as error:  # from a broker that does not look at results itself
            self._deliver(entry, wire.Failed(result.id, "transient", str(error)), now)
            return
        if result.payload or result.left or not result.outputs:
            self._deliver(entry, result, now)
            return
        if entry.fetch is not None and entry.fetch.result == result:
            return  # the broker repeats it while we are fetching
        if not self._submissions.has_sent(result.id):
            return  # of the same job, which was cancelled before: the broker forgets its outputs
        self._actions += self._fetching.end(entry)
        self._submissions.arrived(result.id, now)
        self._fetching.begin(entry, result)
        self._fetch(entry, now)

    def _on_results(self, message: wire.Results, now: float) -> None:
        """All together, but for those about whose jobs there is something to think."""
        jobs, actions, ended = self._jobs, self._actions, []
        known = all(column.format in EXTENSION_OF_OUTPUT for column in message.outputs)
        fitting = {(), tuple(column.name for column in message.outputs) if known else ()}
        open_, delivered = JobState.OPEN, JobState.DELIVERED
        for result in columns.results(message):
            entry = jobs.get(result.id)
            if entry is None or entry.state is not open_ or entry.job.outputs not in fitting:
                self._on_result(result, now)
                continue
            entry.state = delivered
            ended.append(result.id)
            actions.append(Deliver(result.id, result))
        self._submissions.end(ended, now)

    def _on_failed(self, failed: wire.Failed, now: float) -> None:
        entry = self._open_entry(failed.id)
        if entry is not None:
            self._deliver(entry, failed, now)

    def _open_entry(self, job: bytes) -> Entry | None:
        """The job, if its outcome is still wanted. The outcome of a job that we do not know is acknowledged away."""
        entry = self._jobs.get(job)
        if entry is None:
            self._send(wire.ResultOk(job))
        elif entry.state is not JobState.DELIVERED:
            return entry
        return None

    def _on_get(self, get: wire.Get, _now: float) -> None:
        entry = self._jobs.get(get.id)
        if entry is None:
            self._send(wire.Cancel(get.id))
        elif get.blob == "" and get.offset + get.length <= entry.job.size:
            self.gets.add(get)

    def _on_data(self, data: wire.Data, _now: float) -> None:
        entry = self._jobs.get(data.id)
        if entry is not None and entry.fetch is not None and (store := entry.fetch.take(data)) is not None:
            self._actions.append(store)

    def _fetch(self, entry: Entry, now: float) -> None:
        """Ask for the parts that are missing. The last part of the last output completes the result."""
        assert entry.fetch is not None
        for get in entry.fetch.requests(now):
            self._send(get)
        if entry.fetch.complete:
            self._deliver(entry, entry.fetch.result, now, tuple(entry.fetch.blobs))

    def _no_room(self, entry: Entry, error: str, now: float) -> None:
        """Make room for the other jobs, whose end makes room for this one. Its next SUBMIT is answered with the
        result."""
        self._actions += self._fetching.end(entry)
        entry.shortages += 1
        if entry.shortages < SHORTAGES:
            self._fetching.wait_for_room(entry, now + ROOM_PATIENCE * (1 + self._rng.random()))
            return
        reason = f"The outputs cannot be kept on their way to the output folder: {error} ($TMPDIR)."
        self._deliver(entry, wire.Failed(entry.job.id, "transient", reason), now)

    def _review(self, entry: Entry, now: float) -> None:
        if entry.state is JobState.FETCHING:
            self._fetch(entry, now)
        elif entry.retry_at <= now:
            del self._fetching[entry.job.id]
            entry.state = JobState.OPEN
            self._submissions.again(entry.job.id)

    def _deliver(
        self, entry: Entry, outcome: wire.Result | wire.Failed, now: float, blobs: tuple[int, ...] = ()
    ) -> None:
        if entry.state is not JobState.OPEN:
            self._actions += self._fetching.end(entry, kept=blobs)
        entry.state = JobState.DELIVERED
        self._submissions.end((entry.job.id,), now)
        self._actions.append(Deliver(entry.job.id, outcome, blobs))

    def _on_news(self, message: wire.Catalogue | wire.Status, _now: float) -> None:
        self._actions.append(Tell(message))
