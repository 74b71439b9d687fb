"""`filterfleet bench page`: what the dashboard costs the broker, and how quick it is beside a large ledger."""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.table import Table

from filterfleet.bench.broker import TINY, Flow, hurried
from filterfleet.bench.history import RECIPE, SOURCE, make_ledger
from filterfleet.bench.processes import cpu_seconds, high_water
from filterfleet.bench.slow_fleet import Cost, SlowFleet, client_of
from filterfleet.common.errors import FleetError
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.common.process.system import cores
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import LEDGER

WORKERS = 2
WARM = 5000  # tasks before anything counts
ROUNDS = 5  # of each question
PATIENCE = 30.0  # seconds that the page has to come up, and to answer
TOKEN = "dashboard.token"  # noqa: S105 - where the page keeps it
RESTS = 6.0  # seconds until the page rests after the last one has looked away

Events = list[tuple[int, bool]]  # bytes of each, and whether the broker answered


@dataclass(frozen=True, slots=True)
class Page:
    """A dashboard as a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    token: str

    def ask(self, path: str, **query: str) -> Any:
        """Raises FleetError when the page does not answer as it should."""
        with contextlib.closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE)) as connection:
            where = f"/api/{path}?{urlencode(query)}"
            connection.request("GET", where, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != http.client.OK:
            raise FleetError(f"The page answers {where} with status {answer.status}.")
        return json.loads(body)

    @contextlib.contextmanager
    def looked_at(self) -> Iterator[Events]:
        """Somebody holds its stream open. The events are there at the end. Raises FleetError when none has come."""
        command = [sys.executable, "-P", "-m", "filterfleet.bench.onlooker", str(self.port), self.token]
        events: Events = []
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as onlooker:
            try:
                assert onlooker.stdout is not None
                first = onlooker.stdout.readline()
                yield events
            finally:
                onlooker.kill()
            for line in (first, *onlooker.stdout):
                size, answers = line.split()
                events.append((int(size), answers == "1"))


@dataclass(frozen=True, slots=True)
class Round:
    """The same tasks without and with somebody who looks, and what the page cost meanwhile, in seconds of CPU."""

    without: Cost
    looked_at: Cost
    page: float
    events: Events


def page(
    jobs: Annotated[int, typer.Option(min=1000, help="Images in the ledger.")] = 1_000_000,
    tasks: Annotated[int, typer.Option(min=1000, help="Tasks without work in each run.")] = 200_000,
    rounds: Annotated[int, typer.Option(min=1, help="Runs without and with the page; the medians count.")] = 5,
) -> None:
    """Measure what an open page costs the broker, and how quickly the page answers beside a large ledger.

    The broker's rate of tasks without work is measured in turns: with nobody looking, and while a client of its own
    process holds the page's stream of events open.
    """
    console = Console()
    console.print(f"{jobs:,} jobs in the ledger, {WORKERS} workers, {rounds} rounds, {cores()} cores")
    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as name, hurried(WORKERS) as fleet:
        state = Path(name)
        _make(state, jobs)
        with _page(state, fleet.frontend) as shown:
            answers = _answers(shown)
            measured = list(_rounds(fleet, shown, tasks, rounds))
            memory = high_water(shown.process.pid)
    _print(console, measured, tasks)
    table = Table("the page is asked for", "median ms", "worst ms", "its CPU ms", title="Answers over HTTP")
    for what, answer in answers.items():
        table.add_row(what, *(f"{milliseconds:.1f}" for milliseconds in answer))
    console.print(table)
    console.print(f"The dashboard took {memory / 1e6:.0f} MB of memory at most.")


def _make(state: Path, jobs: int) -> None:
    make_ledger(state / LEDGER, jobs)
    Ledger(state / LEDGER, SOURCE, RECIPE).close()  # which brings it up to date


@contextlib.contextmanager
def _page(state: Path, frontend: int) -> Iterator[Page]:
    """Raises FleetError when it does not come up."""
    port, _ = free_ports()
    where = ("--state", str(state), "--bind", f"{LOOPBACK}:{port}", "--frontend-port", str(frontend), "--quiet")
    command = [sys.executable, "-P", "-m", "filterfleet.dashboard", *where]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **streams) as process:  # type: ignore[call-overload]
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError):
                    shown = Page(process, port, (state / TOKEN).read_text().strip())
                    shown.ask("now")
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise FleetError("The dashboard does not come up.")
                time.sleep(0.05)
            yield shown
        finally:
            process.kill()


def _rounds(fleet: SlowFleet, shown: Page, tasks: int, rounds: int) -> Iterator[Round]:
    with client_of(fleet) as client:
        flow = Flow(client)
        flow.run(WARM, TINY)
        for number in range(rounds):
            costs: dict[bool, Cost] = {}
            cpu, events = 0.0, []
            for looked_at in (False, True) if number % 2 else (True, False):
                if looked_at:
                    with shown.looked_at() as events:
                        before = cpu_seconds(shown.process.pid)
                        costs[True] = fleet.costs(lambda: flow.run(tasks, TINY))
                        cpu = cpu_seconds(shown.process.pid) - before
                else:
                    time.sleep(RESTS)
                    costs[False] = fleet.costs(lambda: flow.run(tasks, TINY))
            yield Round(costs[False], costs[True], cpu, events)


def _print(console: Console, measured: list[Round], tasks: int) -> None:
    if not all(each.events and all(answers for _, answers in each.events) for each in measured):
        raise FleetError("The page had no sight of the broker while it was measured.")
    table = Table("", "nobody looks", "the page is open", "ratio", title="Tasks without work")
    figures: dict[str, Callable[[Cost], float]] = {
        "tasks a second": lambda cost: tasks / cost.seconds,
        "broker, µs of CPU a task": lambda cost: 1e6 * cost.broker / tasks,
    }
    for what, of in figures.items():
        without = [of(each.without) for each in measured]
        looked_at = [of(each.looked_at) for each in measured]
        ratio = statistics.median(after / before for before, after in zip(without, looked_at, strict=True))
        medians = (statistics.median(values) for values in (without, looked_at))
        table.add_row(what, *(f"{median:,.1f}" for median in medians), f"{ratio:.3f}")
    console.print(table)
    share = statistics.median(each.page / each.looked_at.seconds for each in measured)
    size = max(size for each in measured for size, _ in each.events)
    console.print(f"The page took {share:.1%} of a core meanwhile; an event had {size:,} bytes at most.")


def _answers(shown: Page) -> dict[str, tuple[float, float, float]]:
    """Of each question that the page asks: the median and the longest milliseconds, and the processor time that one
    answer takes, which tells a slow question from a busy machine."""
    (one,) = shown.ask("jobs", state="done")["jobs"][:1]
    questions: dict[str, tuple[str, dict[str, str]]] = {
        "the picture of now": ("now", {}),
        **{f"charts of {span}": ("charts", {"span": span}) for span in ("1h", "24h", "7d")},
        "failures by reason": ("failures", {}),
        "jobs": ("jobs", {}),
        **{f"jobs: {state}": ("jobs", {"state": state}) for state in ("pending", "done", "failed")},
        "jobs of a reason": ("jobs", {"reason": "The file is damaged: marker 20 is missing."}),
        "a search that finds nothing": ("jobs", {"text": "nothing is called so"}),
        "a search for one image": ("jobs", {"text": one["path"]}),
        "one job": ("job", {"id": one["id"]}),
        "the gallery": ("gallery", {}),
    }
    return {what: _milliseconds(shown, path, query) for what, (path, query) in questions.items()}


def _milliseconds(shown: Page, path: str, query: dict[str, str]) -> tuple[float, float, float]:
    took = []
    before = cpu_seconds(shown.process.pid)
    for _ in range(ROUNDS):
        began = time.perf_counter()
        shown.ask(path, **query)
        took.append(1000 * (time.perf_counter() - began))
    cpu = 1000 * (cpu_seconds(shown.process.pid) - before) / ROUNDS
    return statistics.median(took), max(took), cpu
