"""A whole fleet on one machine: the processes of `filterfleet up`, and what they have done so far."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import typer

from filterfleet.common.address import Address
from filterfleet.common.errors import FleetError
from filterfleet.common.metrics.children import Children
from filterfleet.common.metrics.families import Family
from filterfleet.common.metrics.serving import serving
from filterfleet.common.metrics.telling import WANTED
from filterfleet.common.ours import own_room
from filterfleet.common.process.ports import LOOPBACK
from filterfleet.common.process.supervisor import Spec, Supervisor, last_line, supervise
from filterfleet.common.process.system import cores
from filterfleet.common.rotation import Rotation
from filterfleet.common.text import one_line, printable
from filterfleet.console import INTERRUPTED, Bar, print_failures, print_left_alone
from filterfleet.dashboard import launch
from filterfleet.dashboard.launch import url_of
from filterfleet.dashboard.token import token_in
from filterfleet.listener import handover
from filterfleet.listener.claim import Guard
from filterfleet.listener.core.core import RESUME
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.opening import ledger_file, open_ledger
from filterfleet.listener.metrics import disk_families
from filterfleet.listener.present import known
from filterfleet.listener.settings.listener_options import ListenerOptions
from filterfleet.listener.settings.location import check_locations, full_text
from filterfleet.listener.setup import selection_of
from filterfleet.listener.shares import make_shares
from filterfleet.listener.state import state_folder
from filterfleet.live import fleet_words
from filterfleet.recipes import load_recipe
from filterfleet.worker.launch import arguments
from filterfleet.worker.memory import share

FIRST_LOOPBACK = ipaddress.IPv4Address(LOOPBACK)
DRAIN_LIMIT = 20.0  # seconds the workers get at the end to finish the images in hand
GRACE = 5.0  # seconds beyond DRAIN_LIMIT until a process is killed
PAGE_DELAY = 0.5  # seconds until the dashboard starts: the first images need the processor more


class Fleet:
    """Broker, workers and listener as child processes on loopback. run_until_stopped or run_once starts them."""

    def __init__(
        self,
        options: ListenerOptions,
        *,
        workers: int,
        threads: int,
        memory: int | None,
        backend_port: int,
        brokers: int = 1,
        sandbox: bool = True,
        page: Address | None = None,
    ) -> None:
        """options are the listener's; its frontend_port and keys are those of the whole fleet, and its broker and once
        are set here. threads of each worker: 0 shares the cores among the workers. memory of each worker is in bytes:
        None shares out half of the machine's. brokers stand in for each other, on loopback addresses of their own.
        sandbox: the workers confine themselves (worker.sandbox). page: where the dashboard is, if there is to be one.

        Recipe, source, output and patterns are checked at once. Raises FleetError.
        """
        if options.frontend_port == backend_port:
            raise FleetError("The frontend and the backend need two different ports.")
        recipe = load_recipe(options.recipe)
        self.source, self.output = check_locations(options.source, options.output)
        selection_of(options, self.source)
        folder = state_folder(self.source, self.output, options.state)
        self._state = folder
        self.logs = own_room(folder, "logs")
        self.ledger: Ledger = open_ledger(self.source, self.output, options.state, recipe)
        addresses = [str(FIRST_LOOPBACK + n) for n in range(brokers)]
        everywhere = ",".join(addresses)
        shares = options.share or make_shares(self.source, self.output)
        self._options = replace(
            options,
            source=full_text(self.source),
            output=full_text(self.output),
            broker=everywhere,
            state=folder,
            share=shares,
            metrics=None,
        )
        self._metrics = options.metrics
        self._children = Children(lambda name: name.startswith("worker-"))
        self._folders = {"state": folder, **({"output": self.output} if isinstance(self.output, Path) else {})}
        keys = options.keys and options.keys.resolve()
        ports_and_keys = (
            *("--frontend-port", str(options.frontend_port), "--backend-port", str(backend_port)),
            *(("--keys", str(keys)) if keys else ()),
        )
        names = ["broker"] if brokers == 1 else [f"broker-{n + 1}" for n in range(brokers)]
        self._brokers = [
            self._spec(name, "-m", "filterfleet.broker", "--bind", address, *ports_and_keys, last=True)
            for name, address in zip(names, addresses, strict=True)
        ]
        threads, memory = threads or max(1, cores() // workers), memory or share(workers)
        worker = arguments(everywhere, backend_port, threads, memory, DRAIN_LIMIT, keys, sandbox=sandbox, shares=shares)
        self._workers = [self._spec(f"worker-{n + 1}", *worker) for n in range(workers)]
        self._page = page
        self._pages = [] if page is None else [self._page_spec(page, everywhere, keys)]

    @property
    def names(self) -> list[str]:
        """The names of its processes."""
        return [*(spec.name for spec in (*self._brokers, *self._workers, *self._pages)), "listener"]

    @property
    def page_url(self) -> str:
        """What a browser opens to see the dashboard, which there has to be. Raises FleetError."""
        assert self._page is not None
        return url_of(self._page, "", token_in(self._state))

    def words(self, supervisor: Supervisor) -> str:
        """What it does now, in a line."""
        here = str(self.source)
        told = next((one.present for one in known(self._state) if one.runs and one.present.source == here), None)
        workers = [child for child in supervisor.children if child.spec in self._workers]
        return fleet_words(told, sum(child.ready for child in workers), len(workers))

    def run_until_stopped(self, watch: Callable[[Supervisor], bool] | None = None) -> None:
        """Run until SIGTERM or SIGINT comes, or watch(supervisor) returns True."""
        self._supervise(self._listener(once=False), watch)

    def run_once(self) -> int:
        """Process everything in the source, with a progress bar.

        Returns the listener's exit code: 0 when every image succeeded, 1 when some failed, INTERRUPTED when stopped.
        """
        ended, paused = INTERRUPTED, False
        with contextlib.closing(Bar("images")) as bar:

            def watch(supervisor: Supervisor) -> bool:
                nonlocal ended, paused
                code = supervisor.children[-1].exit_code
                if not paused and (paused := self.ledger.is_paused):
                    bar.tell(f"Paused: {RESUME}.")
                bar.look(self.ledger)
                if code is not None:
                    ended = code
                return code is not None

            self._supervise(self._listener(once=True), watch)
            progress = self.ledger.progress()
            bar.update(progress.done + progress.failed, progress.total)
        return ended

    def report(self, code: int) -> None:
        """Print how run_once ended, which images failed and why, and what was left alone."""
        progress = self.ledger.progress()
        failures = self.ledger.failures()
        print_failures(failures)
        where = printable(str(self.output))
        typer.echo(f"{progress.done} images done, {progress.failed} failed. Results: {where}")
        print_left_alone(self.ledger.left_alone())
        if code not in (0, INTERRUPTED) and not failures:
            what = f"{progress.pending} images are not done" if progress.pending else "Some folders could not be read"
            log = self.logs / "listener.log"
            said = one_line(f"{what}: see {log}, which ends with: {last_line(log)}")
            typer.echo(said)
        if code == INTERRUPTED:
            typer.echo("Interrupted: the same command goes on where this one stopped.")

    def _supervise(self, listener: Spec, watch: Callable[[Supervisor], bool] | None) -> None:
        guard = Guard(ledger_file(self.source, self.output, self._options.state))
        rotation = Rotation([self.logs / f"{name}.log" for name in self.names])

        def look(supervisor: Supervisor) -> bool:
            self._children.look(supervisor)
            guard.look()
            rotation.look()
            return watch is not None and watch(supervisor)

        with serving(self._metrics, self._prepared):
            specs = [*self._brokers, *self._workers, *self._pages, listener]
            try:
                supervise(specs, patience=DRAIN_LIMIT + GRACE, watch=look)
            except FleetError:
                guard.look_now()  # a process that ends because its files were removed says less
                raise

    def _prepared(self) -> Callable[[], list[Family]]:
        """The metrics of all processes, which one page has for the whole fleet."""
        # Here, because the history of a ledger takes 0.01 s to import, and most fleets serve no metrics.
        from filterfleet.listener.past import Past

        past = Past(ledger_file(self.source, self.output, self._options.state), str(self.source))
        return lambda: [*self._children.families(), *past.families(), *disk_families(self._folders)]

    def _listener(self, *, once: bool) -> Spec:
        options = replace(self._options, once=once)
        return Spec(
            "listener",
            handover.arguments(options),
            self.logs / "listener.log",
            final=frozenset({0, 1}) if once else frozenset(),
            environment=handover.environment(options) | self._told,
        )

    def _page_spec(self, page: Address, brokers: str, keys: Path | None) -> Spec:
        argv = launch.arguments(page, self._state, str(self.output), self._options.frontend_port, brokers, keys)
        return Spec("dashboard", argv, self.logs / "dashboard.log", delay=PAGE_DELAY)

    def _spec(self, name: str, *argv: str, last: bool = False) -> Spec:
        return Spec(name, argv, self.logs / f"{name}.log", last=last, environment=self._told)

    @property
    def _told(self) -> dict[str, str]:
        """The environment in which a process tells its numbers, if somebody wants them."""
        return {WANTED: "1"} if self._metrics else {}
