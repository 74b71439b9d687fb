"""Peers of a broker that speak PPX well, and lie: greedy ones, thieves of routing ids, and workers that invent things.

They are listed peers, in terms of docs/security.md. None of them reads more than it needs for its next lie.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Callable

import zmq

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import (
    READY,
    Beat,
    Credit,
    Failed,
    Get,
    Message,
    OutputFile,
    Result,
    StatusRequest,
    Submit,
    Task,
    encode,
    new_identity,
    parse,
)
from filterfleet.common.wire.messages import BLOB_LIMIT, INLINE_LIMIT
from tests.integration.recipe_bombs import BOMBS

KEPT = 6  # liars of each kind at once
READ = 20  # messages that a liar reads at most before it lies
MANY = 200  # requests in one message
CROWD = 100  # routing ids that one owner takes at once
NEEDS = tuple(sorted(DEFAULT.filters))
NAMES = tuple(output.name for output in DEFAULT.outputs)

# What a text may do to a terminal, a table or a log: colours, a title, a line of its own, a formula, text from right to
# left, and what no encoding knows.
TEXTS = (
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "x\nfailed a.jpg: forged",
    "=HYPERLINK(1)",
    "\u202egpj.a",
    "\x9b2J",
    "\0",
    "",
)


class Liars:
    """`tried` counts the lies of each kind."""

    def __init__(self, frontend: int, backend: int, rng: random.Random) -> None:
        self.tried: Counter[str] = Counter()
        self._ports = frontend, backend
        self._rng = rng
        self._context = zmq.Context()
        self._kept: dict[int, list[zmq.Socket[bytes]]] = {frontend: [], backend: []}
        self._numbers = itertools.count()
        self._lies: list[Callable[[], None]] = [
            self.bombs,
            self.greedy_client,
            self.greedy_worker,
            self.outputs_that_nobody_expects,
            self.odd_texts,
            self.theft_of_a_name,
            self.crowd_of_one,
        ]

    def turn(self) -> None:
        lie = self._rng.choice(self._lies)
        self.tried[lie.__name__] += 1
        with contextlib.suppress(zmq.ZMQError):
            lie()

    def close(self) -> None:
        self._context.destroy(linger=0)

    # --- the lies ----

    def bombs(self) -> None:
        self._say(self._client(), *(self._submit(recipe) for recipe in self._rng.sample(list(BOMBS.values()), 3)))

    def greedy_client(self) -> None:
        """A large job and a small one, and requests for outputs, and for the state of the fleet, that come to much."""
        client = self._client()
        job = b"%d" % next(self._numbers)
        self._say(client, Submit(job, DEFAULT.to_bytes(), NEEDS, 5, 100 << 20))
        gets = [Get(job, name, number, INLINE_LIMIT) for name in NAMES for number in range(MANY // len(NAMES))]
        self._say(client, *gets)
        self._say(client, *[StatusRequest()] * MANY)
        self._say(client, *[Submit(b"again", DEFAULT.to_bytes(), NEEDS, 5, 1, (b"x",))] * MANY)
        self._say(client, *[Beat(b"another session")] * MANY)

    def greedy_worker(self) -> None:
        worker = self._worker("greedy")
        for task in self._tasks(worker):
            self._say(worker, *(Get(task.id, "", number << 20, INLINE_LIMIT) for number in range(MANY)))

    def outputs_that_nobody_expects(self) -> None:
        worker = self._worker("liar")
        many = tuple(OutputFile(f"o{number}", "png", BLOB_LIMIT) for number in range(64))
        large = tuple(OutputFile(name, "png", BLOB_LIMIT) for name in NAMES)
        for task in self._tasks(worker):
            self._say(worker, Result(task.id, self._rng.choice((many, large, ())), {}))

    def odd_texts(self) -> None:
        text = self._rng.choice(TEXTS)
        worker = self._worker(text)
        outputs = tuple(OutputFile(name, "png", 3) for name in NAMES)
        for task in self._tasks(worker):
            report = {"worker": text, "width": float("-inf"), text: text}
            lies = Failed(task.id, "permanent", text * 100), Result(task.id, outputs, report, (b"png",) * len(NAMES))
            self._say(worker, self._rng.choice(lies))

    def theft_of_a_name(self) -> None:
        """Under the routing id of somebody who leaves, without a word."""
        port = self._rng.choice(self._ports)
        if self._kept[port]:
            victim = self._kept[port].pop()
            name = victim.routing_id
            victim.close(linger=0)
            self._keep(port, self._connect(port, name))

    def crowd_of_one(self) -> None:
        """Many routing ids, some in libzmq's own form, that all say something."""
        port = self._rng.choice(self._ports)
        with contextlib.ExitStack() as stack:
            for number in range(CROWD):
                name = b"\0" + self._rng.randbytes(4) if number % 10 == 0 else b""
                with contextlib.suppress(zmq.ZMQError):  # libzmq does not let its users take such a name
                    peer = stack.enter_context(contextlib.closing(self._connect(port, name)))
                    self._say(peer, Beat(b""))

    # --- how they go about it ----

    def _connect(self, port: int, name: bytes = b"") -> zmq.Socket[bytes]:
        socket = self._context.socket(zmq.DEALER)
        socket.linger, socket.rcvhwm, socket.sndhwm = 0, 1, 100
        socket.routing_id = name or new_identity(random.SystemRandom())
        socket.connect(f"tcp://127.0.0.1:{port}")
        return socket

    def _keep(self, port: int, socket: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
        kept = self._kept[port]
        kept.append(socket)
        if len(kept) > KEPT:
            kept.pop(0).close(linger=0)
        return socket

    def _client(self) -> zmq.Socket[bytes]:
        return self._keep(self._ports[0], self._connect(self._ports[0]))

    def _worker(self, text: str) -> zmq.Socket[bytes]:
        """A worker that was there before, which may have tasks by now, or a new one that introduces itself."""
        port = self._ports[1]
        if self._kept[port] and self._rng.random() < 0.7:
            return self._rng.choice(self._kept[port])
        worker = self._keep(port, self._connect(port))
        worker.send(READY, zmq.DONTWAIT)
        self._say(worker, Credit(4, 4, NEEDS, text[:255], text[:64]))
        return worker

    def _tasks(self, worker: zmq.Socket[bytes]) -> list[Task]:
        found: list[Task] = []
        for _ in range(READ):
            if not worker.poll(10):
                break
            messages = parse(worker.recv_multipart(), extended=True)
            found += [one for one in messages if isinstance(one, Task)] if isinstance(messages, list) else []
        return found

    def _submit(self, recipe: bytes) -> Submit:
        return Submit(b"%d" % next(self._numbers), recipe, (), 5, 1, (b"x",))

    def _say(self, peer: zmq.Socket[bytes], *messages: Message) -> None:
        with contextlib.suppress(zmq.Again):
            peer.send_multipart(encode(messages), zmq.DONTWAIT)
