"""A storm: it waits until a fleet is ready, carries out a plan on its processes, and waits for the work to end."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from filterfleet.chaos.photographs import Photographs
from filterfleet.chaos.plan import Deed, Step
from filterfleet.common.errors import FleetError
from filterfleet.common.process.supervisor import Child, Process, Supervisor
from filterfleet.listener.ledger.ledger import Ledger

# Images that wait or are under way during the storm. More keeps larger fleets busy, less ends sooner after the storm.
BACKLOG = 40
PER_TURN = 4  # photographs made in one turn at most: the supervisor must not wait long for its next turn
START_PATIENCE = 60.0  # seconds that the fleet has to get ready
PATIENCE = 90.0  # seconds without progress after the storm until the fleet counts as stuck

_SAID = {Deed.KILL: "killed", Deed.FREEZE: "frozen", Deed.RESTART: "told to end"}


@dataclass(frozen=True, slots=True)
class _Frozen:
    child: str
    process: Process
    until: float


class Storm:
    """watch(supervisor) is for common.process.supervisor.supervise.

    It sends signals only through the supervisor's own processes, so that it never hits a stranger who has got the
    pid of a process that ended.
    """

    def __init__(
        self,
        plan: Sequence[Step],
        seconds: float,
        photographs: Photographs,
        limit: int | None,
        ledger: Ledger,
        tell: Callable[[str], None],
    ) -> None:
        """seconds: how long the storm lasts. limit: the most photographs to make. tell takes the lines to print."""
        self._steps = deque(plan)
        self._seconds = seconds
        self._photographs = photographs
        self._limit = limit
        self._ledger = ledger
        self._tell = tell
        self._made = time.monotonic()
        self._began: float | None = None
        self._calm = False
        self._frozen: list[_Frozen] = []
        self._known: dict[str, int] = {}  # pid of each process when it was last ready
        self._progress = 0
        self._progress_at = 0.0
        self.over = False  # all work has ended, or there was no progress for PATIENCE seconds

    @property
    def began(self) -> bool:
        return self._began is not None

    def watch(self, supervisor: Supervisor) -> bool:
        """Do what is due. True when storm and work are over. Raises FleetError when the fleet does not get ready."""
        now = time.monotonic()
        if self._began is None:
            self._begin(supervisor, now)
            return False
        elapsed = now - self._began
        self._say_who_is_back(supervisor, elapsed)
        self._thaw(elapsed)
        while self._steps and self._steps[0].at <= elapsed:
            self._do(self._steps.popleft(), supervisor, elapsed)
        self._look_at_progress(now)
        if elapsed < self._seconds:
            self._bring_photographs()
            return False
        if not self._calm:
            self._calm = True
            self._progress_at = now
            self._say(elapsed, "the storm", f"is over: {self._progress} of {self._photographs.count} images have ended")
        if self._progress >= self._photographs.count:
            self.over = True
            self._say(elapsed, "all work", "has ended")
        elif now - self._progress_at > PATIENCE:
            self.over = True
            self._say(elapsed, "nothing", f"has been done for {PATIENCE:g} s, and work is left")
        return self.over

    def _begin(self, supervisor: Supervisor, now: float) -> None:
        if supervisor.ready:
            self._began = now
            self._known = {child.spec.name: child.process.pid for child in supervisor.children if child.process}
            pids = ", ".join(f"{name} {pid}" for name, pid in self._known.items())
            self._say(0.0, "the fleet", f"is ready: {pids}")
        elif now - self._made > START_PATIENCE:
            raise FleetError(f"The fleet was not ready within {START_PATIENCE:g} s: see its logs with --keep.")

    def _do(self, step: Step, supervisor: Supervisor, elapsed: float) -> None:
        (child,) = (child for child in supervisor.children if child.spec.name == step.whom)
        if child.process is None or child.process.poll() is not None:
            self._say(elapsed, step.whom, f"is down already, nothing to {step.deed}")
            return
        how_long = f" for {step.lasts:.1f} s" if step.deed is Deed.FREEZE else ""
        self._say(elapsed, step.whom, f"{_SAID[step.deed]}{how_long} (pid {child.process.pid}){_starting(child)}")
        match step.deed:
            case Deed.KILL:
                child.process.kill()
            case Deed.RESTART:
                child.process.terminate()
            case Deed.FREEZE:
                child.process.send_signal(signal.SIGSTOP)
                self._frozen.append(_Frozen(step.whom, child.process, step.at + step.lasts))

    def _thaw(self, elapsed: float) -> None:
        for frozen in [frozen for frozen in self._frozen if frozen.until <= elapsed]:
            self._frozen.remove(frozen)
            again = any(other.process is frozen.process for other in self._frozen)
            if not again and frozen.process.poll() is None:
                frozen.process.send_signal(signal.SIGCONT)
                self._say(elapsed, frozen.child, "goes on")

    def _say_who_is_back(self, supervisor: Supervisor, elapsed: float) -> None:
        for child in supervisor.children:
            name = child.spec.name
            if child.ready and child.process and child.process.pid != self._known[name]:
                self._known[name] = child.process.pid
                self._say(elapsed, name, f"is back (pid {child.process.pid})")

    def _look_at_progress(self, now: float) -> None:
        progress = self._ledger.progress()
        if progress.done + progress.failed != self._progress:
            self._progress = progress.done + progress.failed
            self._progress_at = now

    def _bring_photographs(self) -> None:
        wanted = self._progress + BACKLOG
        if self._limit is not None:
            wanted = min(wanted, self._limit)
        for _ in range(min(PER_TURN, wanted - self._photographs.count)):
            self._photographs.add()

    def _say(self, elapsed: float, whom: str, what: str) -> None:
        self._tell(f"{elapsed:6.1f} s  {whom} {what}")


def _starting(child: Child) -> str:
    return "" if child.ready else ", while it starts"
