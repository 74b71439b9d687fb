"""A client of the broker without its socket: submits jobs until each has one outcome.

The broker is soft state, so all certainty lives here. A HELLO means "I hold nothing of yours" and makes
every job that has no outcome be submitted again; a SUBMIT without an answer is repeated; an outcome is
handed to the application once and acknowledged only when the application says so. How jobs come into the broker
is common.client.submissions, and how many at a time common.client.flow.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from filterfleet.common.blob import FileBlob
from filterfleet.common.client.submissions import Submissions
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.jobs import Job
from filterfleet.common.wire import (
    Accepted,
    Beat,
    Busy,
    Cancel,
    Catalogue,
    Data,
    Envelope,
    Failed,
    Get,
    Heartbeat,
    Hello,
    Message,
    Payload,
    Ready,
    Result,
    ResultOk,
    Status,
    StatusRequest,
    new_identity,
    parse,
)
from filterfleet.common.wire.link import Link
from filterfleet.common.wire.liveness import Randomness
from filterfleet.common.wire.pull import Pull

ROOM_PATIENCE = 10.0  # seconds, up to twice as many, until outputs that found no room are asked for again
SHORTAGES = 5  # of these until the job counts as failed
REVIEW_INTERVAL = 0.25  # seconds between looks at what is to be repeated


# --- actions: what the shell does, in order ----


@dataclass(frozen=True, slots=True)
class Open:
    """Close the socket, if there is one, and connect a new one under this routing id, to the broker of this number."""

    identity: bytes
    broker: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    message: Message


@dataclass(frozen=True, slots=True)
class ReadBlob:
    """Read this part of the job's image, which is not in memory, and send it as DATA."""

    get: Get


@dataclass(frozen=True, slots=True)
class Deliver:
    """The job's outcome: its outputs with one blob each, or a failure."""

    job: bytes
    outcome: Result | Failed


@dataclass(frozen=True, slots=True)
class Tell:
    """News of the fleet."""

    message: Catalogue | Status | Hello


Action = Open | Send | ReadBlob | Deliver | Tell


class _State(enum.Enum):
    OPEN = 1
    PULLING = 2
    WITHOUT_ROOM = 3  # for the outputs, which are asked for again at retry_at
    DELIVERED = 4


@dataclass(slots=True, eq=False)
class _Entry:
    job: Job
    state: _State = _State.OPEN
    retry_at: float = 0.0
    result: Result | None = None
    pulls: dict[str, Pull[FileBlob]] = field(default_factory=dict)
    shortages: int = 0  # of room for the outputs


class ClientCore:
    """Call start() once, then on_message() for what arrives and on_tick() at deadline() at the latest.

    new_file gives an empty file for each output that is pulled; it may raise OSError, and so may writing to it. brokers
    is how many there are to choose from: it is with one of them, and goes to the next when that falls silent.
    """

    def __init__(self, rng: Randomness, new_file: Callable[[], FileBlob], brokers: int = 1) -> None:
        self.connected = False  # a HELLO has come on this socket
        self._rng = rng
        self._new_file = new_file
        self._jobs: dict[bytes, _Entry] = {}
        self._submissions = Submissions()
        self._fetching: dict[bytes, _Entry] = {}  # whose outputs are being pulled, or wait for room
        self._session = b""
        self._link = Link(brokers)
        self._next_review = 0.0
        self._actions: list[Action] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            Hello: self._on_hello,
            Accepted: self._on_accepted,
            Busy: self._on_busy,
            Result: self._on_result,
            Failed: self._on_failed,
            Get: self._on_get,
            Data: self._on_data,
            Catalogue: self._on_news,
            Status: self._on_news,
        }

    # --- the application's side ----

    def start(self, now: float) -> list[Action]:
        self._open(now)
        return self._take()

    def submit(self, job: Job, now: float) -> list[Action]:
        """Begin a job; one with the id of a job under way is the same job and changes nothing.

        Delivered but not yet acknowledged is no longer under way: its submitter has had its outcome, and
        this one gets its own.
        """
        known = self._jobs.get(job.id)
        if known is None or known.state is _State.DELIVERED:
            self._jobs[job.id] = _Entry(job)
            self._submissions.add(job)
            self._submit(now)
        return self._take()

    def acknowledge(self, job: bytes, _now: float) -> list[Action]:
        """The application has made the outcome its own; the broker may forget it."""
        entry = self._jobs.get(job)
        if entry is not None and entry.state is _State.DELIVERED:
            del self._jobs[job]
            self._send(ResultOk(job))
        return self._take()

    def cancel(self, job: bytes, _now: float) -> list[Action]:
        """Forget a job, whatever its state."""
        if self._jobs.pop(job, None) is not None:
            self._fetching.pop(job, None)
            self._submissions.end(job)
            self._send(Cancel(job))
        return self._take()

    def request_status(self, _now: float) -> list[Action]:
        self._send(StatusRequest())
        return self._take()

    # --- the wire's side ----

    def on_message(self, frames: list[Payload], now: float) -> list[Action]:
        """A message from the broker. Raises ProtocolError on any other; what came before it in the same multipart
        message has been done, and its actions come with the next call."""
        if self._link.broken:
            return []  # too late: this socket has been given up
        parsed = parse(frames, extended=True)
        if isinstance(parsed, Ready | Envelope):
            raise ProtocolError("a broker does not send this to a PPX client")
        self._link.heard(now)
        if isinstance(parsed, Heartbeat):
            return self._take()
        for message in parsed:
            handler = self._handlers.get(type(message))
            if handler is None:
                raise ProtocolError(f"a client does not receive {type(message).__name__.upper()}")
            handler(message, now)
        self._submit(now)
        return self._take()

    def on_refused(self, now: float) -> list[Action]:
        """The broker does not let this socket in: try another after a pause."""
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
            self._send(Beat(self._session))
        if self.connected and self._next_review <= now:
            self._next_review = now + REVIEW_INTERVAL
            for entry in list(self._fetching.values()):
                self._review(entry, now)
        self._submit(now)
        return self._take()

    def deadline(self) -> float:
        if self.connected and (self._submissions.pending or self._fetching):
            return min(self._link.deadline, self._next_review)
        return self._link.deadline

    # --- inside ----

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    def _send(self, message: Message) -> None:
        if not self._link.broken:
            self._actions.append(Send(message))

    def _open(self, now: float) -> None:
        """A dead broker is met again on a new socket under a new routing id, as the RFC has it."""
        self.connected = False
        self._session = b""
        self._link.opened(now)
        self._actions.append(Open(new_identity(self._rng), self._link.broker))
        self._send(Beat(b""))

    def _give_up(self, now: float) -> None:
        self.connected = False
        self._link.breaks(now)

    def _submit(self, now: float) -> None:
        if self.connected:
            self._actions += map(Send, self._submissions.due(now))

    def _on_hello(self, hello: Hello, now: float) -> None:
        self._link.agreed(hello.interval, hello.missed, now)
        if self.connected and hello.session == self._session:
            return
        self._session = hello.session
        self.connected = True
        self._actions.append(Tell(hello))
        self._submissions.restart()
        for entry in self._fetching.values():
            entry.state, entry.pulls = _State.OPEN, {}
        self._fetching.clear()

    def _on_accepted(self, accepted: Accepted, now: float) -> None:
        self._submissions.accepted(accepted.id, now)

    def _on_busy(self, busy: Busy, now: float) -> None:
        self._submissions.refused(busy.id, now + busy.retry_after * (1 + self._rng.random()), now)

    def _on_result(self, result: Result, now: float) -> None:
        entry = self._open_entry(result.id)
        if entry is None:
            return
        if result.payload or not result.outputs:
            self._deliver(entry, result)
            return
        if entry.state is _State.PULLING and entry.result == result:
            return  # the broker says it again while we are at it
        self._submissions.arrived(result.id)
        self._fetching[result.id] = entry
        entry.state = _State.PULLING
        entry.result = result
        try:
            entry.pulls = {output.name: Pull(output.size, self._new_file()) for output in result.outputs}
        except OSError as error:
            self._no_room(entry, error, now)
            return
        self._pull(entry, now)

    def _on_failed(self, failed: Failed, _now: float) -> None:
        entry = self._open_entry(failed.id)
        if entry is not None:
            self._deliver(entry, failed)

    def _open_entry(self, job: bytes) -> _Entry | None:
        """The job if its outcome is still wanted; one we know nothing of is acknowledged away."""
        entry = self._jobs.get(job)
        if entry is None:
            self._send(ResultOk(job))
        elif entry.state is not _State.DELIVERED:
            return entry
        return None

    def _on_get(self, get: Get, _now: float) -> None:
        entry = self._jobs.get(get.id)
        if entry is None:
            self._send(Cancel(get.id))
        elif get.blob == "" and get.offset + get.length <= entry.job.size:
            if entry.job.payload:  # it was to travel with the job, and there was no room for it
                part = memoryview(entry.job.payload[0])[get.offset : get.offset + get.length]
                self._send(Data(get.id, "", get.offset, (part,)))
            else:
                self._actions.append(ReadBlob(get))

    def _on_data(self, data: Data, now: float) -> None:
        entry = self._jobs.get(data.id)
        if entry is not None and entry.state is _State.PULLING and data.blob in entry.pulls:
            try:
                entry.pulls[data.blob].store(data.offset, data.payload[0])
            except OSError as error:
                self._no_room(entry, error, now)
                return
            self._pull(entry, now)

    def _no_room(self, entry: _Entry, error: OSError, now: float) -> None:
        """Make room for the others, whose end makes room for this one; its SUBMIT is answered with the result."""
        entry.pulls = {}
        entry.result = None
        entry.shortages += 1
        if entry.shortages < SHORTAGES:
            entry.state = _State.WITHOUT_ROOM
            entry.retry_at = now + ROOM_PATIENCE * (1 + self._rng.random())
            return
        reason = f"The outputs cannot be kept on their way to the output folder: {error.strerror} ($TMPDIR)."
        self._deliver(entry, Failed(entry.job.id, "transient", reason))

    def _review(self, entry: _Entry, now: float) -> None:
        if entry.state is _State.PULLING:
            self._pull(entry, now)
        elif entry.retry_at <= now:
            del self._fetching[entry.job.id]
            entry.state = _State.OPEN
            self._submissions.again(entry.job.id)

    def _pull(self, entry: _Entry, now: float) -> None:
        """One output after the other; the last chunk of the last one completes the result."""
        assert entry.result is not None
        for name, pull in entry.pulls.items():
            for offset, length in pull.requests(now):
                self._send(Get(entry.job.id, name, offset, length))
            if not pull.complete:
                return
        blobs = tuple(pull.sink for pull in entry.pulls.values())
        result = entry.result
        self._deliver(entry, Result(result.id, result.outputs, result.report, blobs))

    def _deliver(self, entry: _Entry, outcome: Result | Failed) -> None:
        entry.state = _State.DELIVERED
        entry.result = None
        entry.pulls = {}
        self._fetching.pop(entry.job.id, None)
        self._submissions.end(entry.job.id)
        self._actions.append(Deliver(entry.job.id, outcome))

    def _on_news(self, message: Catalogue | Status, _now: float) -> None:
        self._actions.append(Tell(message))
