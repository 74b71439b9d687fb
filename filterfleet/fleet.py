"""A whole fleet on one machine: the processes of `filterfleet up`, and what they have got done."""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.shipped import shipped
from filterfleet.common.process.ports import LOOPBACK
from filterfleet.common.process.supervisor import Spec, Supervisor, last_line, supervise
from filterfleet.common.process.system import cores
from filterfleet.common.text import printable
from filterfleet.listener.ledger.ledger import Failure, Ledger
from filterfleet.listener.settings.location import check_locations
from filterfleet.listener.setup import open_ledger
from filterfleet.listener.state import state_folder
from filterfleet.recipes import load_recipe
from filterfleet.worker.memory import share
from filterfleet.worker.process import arguments

FIRST_LOOPBACK = ipaddress.IPv4Address(LOOPBACK)
DRAIN_LIMIT = 20.0  # seconds the workers get to finish at the end
LOOK = 0.2  # seconds between looks at the ledger
INTERRUPTED = 130


class Fleet:
    """recipe is a file or the name of one that ships. It and the places are checked at once: raises FleetError.
    brokers stand in for each other, on loopback addresses of their own. threads 0 shares the cores among the workers;
    memory, in bytes for each worker, is shared out if None; ports are the frontend's and the backend's; listener: more
    options of the listener's, where None is not given."""

    def __init__(
        self,
        source: str,
        output: str,
        recipe: str,
        *,
        brokers: int = 1,
        workers: int,
        threads: int,
        memory: int | None,
        ports: tuple[int, int],
        keys: Path | None = None,
        state: Path | None,
        listener: Mapping[str, object],
    ) -> None:
        frontend, backend = map(str, ports)
        if frontend == backend:
            raise FleetError("The frontend and the backend need two different ports.")
        loaded = load_recipe(recipe)
        self.source, self.output = check_locations(source, output)
        folder = state_folder(self.source, self.output, state)
        self.logs = folder / "logs"
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FleetError(f"The folder {self.logs} cannot be written: {error.strerror}.") from None
        self.ledger: Ledger = open_ledger(self.source, self.output, state, loaded)
        self.console = Console()
        keys = keys and keys.resolve()
        with_keys = ("--keys", str(keys)) if keys else ()
        addresses = [str(FIRST_LOOPBACK + n) for n in range(brokers)]
        everywhere = ",".join(addresses)
        worker = arguments(
            everywhere, int(backend), threads or max(1, cores() // workers), memory or share(workers), DRAIN_LIMIT, keys
        )
        ports_and_keys = ("--frontend-port", frontend, "--backend-port", backend, *with_keys)
        names = ["broker"] if brokers == 1 else [f"broker-{n + 1}" for n in range(brokers)]
        self._brokers = [
            self._spec(name, "-m", "filterfleet.broker", "--bind", address, *ports_and_keys, last=True)
            for name, address in zip(names, addresses, strict=True)
        ]
        self._workers = [self._spec(f"worker-{n + 1}", *worker) for n in range(workers)]
        self._listener = [
            *("-m", "filterfleet.listener", f"--source={self.source}", f"--output={self.output}"),
            *("--broker", everywhere, "--frontend-port", frontend),
            *with_keys,
            f"--state={folder}",
            *("--recipe", recipe if recipe in shipped() else os.path.abspath(recipe)),  # noqa: PTH100 - links stay
            *_options(listener),
        ]

    @property
    def names(self) -> list[str]:
        """Of its processes."""
        return [*(spec.name for spec in (*self._brokers, *self._workers)), "listener"]

    def _spec(self, name: str, *argv: str, final: frozenset[int] = frozenset(), last: bool = False) -> Spec:
        return Spec(name, argv, self.logs / f"{name}.log", final, last)

    def run_until_stopped(self, watch: Callable[[Supervisor], bool] | None = None) -> None:
        """Until SIGTERM, SIGINT, or watch(supervisor) returns True."""
        listener = self._spec("listener", *self._listener)
        supervise([*self._brokers, *self._workers, listener], patience=DRAIN_LIMIT + 5, watch=watch)

    def run_once(self) -> int:
        """Process everything in the source, with a progress bar. 0: all succeeded, 1: some images failed."""
        listener = self._spec("listener", *self._listener, "--once", final=frozenset({0, 1}))
        ended = INTERRUPTED
        looked = 0.0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task("images", total=None)

            def watch(supervisor: Supervisor) -> bool:
                nonlocal ended, looked
                code = supervisor.children[-1].exit_code
                if code is not None or time.monotonic() - looked > LOOK:
                    looked = time.monotonic()
                    progress = self.ledger.progress()
                    bar.update(task, completed=progress.done + progress.failed, total=progress.total or None)
                if code is not None:
                    ended = code
                return code is not None

            supervise([*self._brokers, *self._workers, listener], patience=DRAIN_LIMIT + 5, watch=watch)
        return ended

    def report(self, code: int) -> None:
        """Say how it ended, and list what failed and why."""
        progress = self.ledger.progress()
        failures = self.ledger.failures()
        print_failures(self.console, failures)
        self.console.print(
            f"{progress.done} images done, {progress.failed} failed. Results: {self.output}", soft_wrap=True
        )
        if code not in (0, INTERRUPTED) and not failures:
            what = f"{progress.pending} images are not done" if progress.pending else "Some folders could not be read"
            log = self.logs / "listener.log"
            self.console.print(escape(f"{what}: see {log}, which ends with: {last_line(log)}"), soft_wrap=True)
        if code == INTERRUPTED:
            self.console.print("Interrupted: the same command goes on where this one stopped.")


def _options(values: Mapping[str, object]) -> Iterator[str]:
    for option, value in values.items():
        each = value if isinstance(value, list) else [] if value is None else [value]
        yield from (f"{option}={one}" for one in each)  # in one word: a value may begin with a dash


def print_failures(console: Console, failures: Sequence[Failure]) -> None:
    for failure in failures:
        console.print(f"[red]failed[/red] {escape(printable(failure.path))}: {escape(failure.reason)}", soft_wrap=True)
