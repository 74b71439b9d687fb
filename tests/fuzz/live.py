"""Real processes under attack, which must still be able to work afterwards:

    python -m tests.fuzz.live --seconds 60 --seed 1

For one half of the time strangers and liars have their way with a broker and its worker, for the other half a worker
and a listener know a broker that is a stranger and asks for much. Then the same processes do real work.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import zmq

import filterfleet
from filterfleet.bench.processes import high_water
from filterfleet.common.process.system import allow_many_files
from filterfleet.common.wire import Get, Hello, Message, Submit, Task, encode, parse
from filterfleet.common.wire.messages import INLINE_LIMIT
from tests.fuzz.attacks import Strangers
from tests.fuzz.corpus import corpus
from tests.fuzz.liars import MANY, Liars
from tests.fuzz.mutations import mutate
from tests.fuzz.scripts import unpack
from tests.integration.harness import Daemon, Fleet, Processes, check_outputs, expected_outputs, wait_until
from tests.integration.hostile_frames import hostile_messages
from tests.integration.recipe_bombs import BOMBS

GROWTH = 256 << 20  # bytes by which the memory of a process may grow
ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")  # what must not reach a terminal from a peer
MOST = 500 << 20  # bytes that it may take in all
LINES = 1000  # that its log may have for each minute that has begun: a hundred for each kind of event


class Trial:
    """One process that is attacked."""

    def __init__(self, name: str, daemon: Daemon, process: psutil.Process) -> None:
        self._name = name
        self._daemon = daemon
        self._process = process
        self._before = process.memory_info().rss
        self._began = time.monotonic()

    def check(self) -> str:
        """A report on the process. Fails when it has ended, grown, logged too much or shown a bug."""
        assert self._process.is_running(), self._daemon.said[-3000:]
        said = self._daemon.said
        assert "Traceback" not in said, said[said.index("Traceback") - 500 :][:3000]
        assert (odd := ODD.search(said)) is None, f"a log with {odd}"
        lines, peak = said.count("\n"), high_water(self._process.pid)
        assert lines <= LINES * (1 + (time.monotonic() - self._began) // 60), said[-3000:]
        assert peak <= min(MOST, self._before + GROWTH), f"the {self._name} took {peak >> 20} MiB"
        return f"{self._name}: {self._before >> 20} MiB before, {peak >> 20} MiB at most, {lines} lines in its log"


def attack_broker(fleet: Fleet, seconds: float, seed: int, work: Path) -> None:
    broker = fleet.start_broker()
    worker = fleet.start_worker()
    fleet.wait_for_workers(1)
    (process,) = worker.worker_processes()
    trials = Trial("broker", broker, psutil.Process(broker.pid)), Trial("worker", worker, process)
    strangers = Strangers((fleet.frontend, fleet.backend), random.Random(seed))
    liars = Liars(fleet.frontend, fleet.backend, random.Random(seed))
    deadline = time.monotonic() + seconds
    with contextlib.closing(strangers), contextlib.closing(liars):
        while time.monotonic() < deadline and broker.alive:
            strangers.turn()
            liars.turn()
    print(", ".join(f"{name} {count}" for name, count in sorted((strangers.tried + liars.tried).items())))
    _do_real_work(fleet, work)
    for trial in trials:
        print(trial.check())


def attack_peers(fleet: Fleet, seconds: float, seed: int, work: Path) -> None:
    rng = random.Random(seed)
    source = _photographs(work)
    with _false_broker(fleet) as ports:
        worker = fleet.start_worker()
        listener = fleet.start_listener(source, work / "out", "--once", "--settle", 0)
        sent = 0

        def attack() -> None:
            nonlocal sent
            sent += sum(port.say(rng) for port in ports)

        def have_come() -> bool:
            attack()
            return all(port.heard for port in ports)

        wait_until(have_come, what="a worker and a listener")
        (process,) = worker.worker_processes()
        trials = Trial("worker", worker, process), Trial("listener", listener, psutil.Process(listener.pid))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            attack()
    print(f"{sent} messages of a false broker")
    for trial in trials:
        print(trial.check())
    fleet.start_broker()
    assert listener.wait(60) == 0, listener.said
    check_outputs(work / "out", expected_outputs(source))
    for daemon in worker, listener:
        assert "Traceback" not in daemon.said


class _Port:
    """One port of a broker that says anything to the peers that have spoken."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], port: int, target: str) -> None:
        self.heard = False
        self._scripts = list(corpus(target))
        self._socket = context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.sndhwm = 100
        self._socket.bind(f"tcp://127.0.0.1:{port}")
        self._peers: list[bytes] = []
        self._jobs: list[tuple[bytes, bytes]] = []  # a client and a job that it has submitted

    def say(self, rng: random.Random) -> int:
        """Send some messages, and return how many."""
        while self._socket.poll(5 if not self._peers else 0):
            peer, *frames = self._socket.recv_multipart()
            self.heard = True
            self._remember(peer, frames)
            if peer not in self._peers:
                self._peers = [*self._peers[-3:], peer]
                hello = Hello(b"life", rng.randbytes(8), 1.0, 4, INLINE_LIMIT)
                with contextlib.suppress(zmq.ZMQError):
                    self._socket.send_multipart([peer, *encode([hello])], zmq.DONTWAIT)
        messages = [list(step.frames) for step in unpack(self._script(rng)) if step.frames]
        messages += list(hostile_messages(rng, 2))
        for frames in messages if self._peers else ():
            with contextlib.suppress(zmq.ZMQError):
                self._socket.send_multipart([rng.choice(self._peers), *frames], zmq.DONTWAIT)
        self._ask_for_much(rng)
        return len(messages) if self._peers else 0

    def _remember(self, peer: bytes, frames: list[bytes]) -> None:
        found = parse(frames, extended=True)
        submitted = [one for one in found if isinstance(one, Submit)] if isinstance(found, list) else []
        self._jobs = [*self._jobs, *((peer, one.id) for one in submitted)][-10:]

    def _ask_for_much(self, rng: random.Random) -> None:
        """Of clients the images of their jobs, and of workers the outputs of recipes that hurt."""
        peer, job = rng.choice(self._jobs or [(rng.choice(self._peers or [b""]), b"job")])
        gets: list[Message] = [
            Get(job, blob, number, INLINE_LIMIT) for blob in ("", "a") for number in range(MANY // 2)
        ]
        bomb = Task(rng.randbytes(8), rng.choice(list(BOMBS.values())), 1, 60.0, payload=(b"x",))
        for messages in (gets, [bomb]):
            with contextlib.suppress(zmq.ZMQError):
                self._socket.send_multipart([peer, *encode(messages)], zmq.DONTWAIT)

    def _script(self, rng: random.Random) -> bytes:
        script = rng.choice(self._scripts)
        for _ in range(rng.randint(1, 4)):
            script = mutate(script, rng, rng.choice(self._scripts))
        return script

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def _false_broker(fleet: Fleet) -> Iterator[list[_Port]]:
    with zmq.Context() as context:
        ports = [_Port(context, fleet.frontend, "client"), _Port(context, fleet.backend, "worker")]
        try:
            yield ports
        finally:
            for port in ports:
                port.close()


def _do_real_work(fleet: Fleet, work: Path) -> None:
    source, output = _photographs(work), work / "out"
    listener = fleet.start_listener(source, output, "--once", "--settle", 0)
    assert listener.wait(60) == 0, listener.said
    check_outputs(output, expected_outputs(source))


def _photographs(work: Path) -> Path:
    source = work / "in"
    source.mkdir(parents=True)
    photographs = sorted(
        (Path(filterfleet.__file__).parent / "demo" / "photos").glob("*.[jp][pn]g"), key=lambda f: f.stat().st_size
    )
    for photograph in photographs[:3]:
        shutil.copy(photograph, source)
    return source


ATTACKS = (attack_broker, attack_peers)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    allow_many_files()
    with tempfile.TemporaryDirectory() as folder:
        for attack in ATTACKS:
            work = Path(folder) / attack.__name__
            work.mkdir()
            with contextlib.closing(Processes(work)) as processes:
                attack(Fleet(processes), arguments.seconds / len(ATTACKS), arguments.seed, work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
