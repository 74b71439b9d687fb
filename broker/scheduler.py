"""Which worker runs what, and what becomes of a task whose lease ends badly. Knows nothing of the wire.

Retry rules, by how a lease ends:

  lost       its worker died. Requeued at once. After `shared_losses` of them the task is a suspect and runs
             alone on an emptied worker, one suspect at a time, so that nobody else is blamed for its deaths
             or dies of them. Only a death in an otherwise calm fleet counts against it (for that to be seen, the
             next trial waits until the last one's death is no longer recent), and none before the worker has said that
             it begins: it may still be busy with what we do not know of, and die of that.
  failed     transient: again after a doubling delay. Permanent failures never come here.
  expired    the worker lives but is too slow. Requeued, elsewhere if there is an elsewhere.
  given back by its worker, or lost on the way to it: requeued, nobody to blame.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import takewhile

from filterfleet.broker.fairness import FairQueue
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Lease, Task, TaskState, Worker
from filterfleet.broker.timers import Timers
from filterfleet.common.wire.liveness import Randomness

GiveUp = Callable[[Task, str], None]
Revoke = Callable[[Lease], None]
LoseWorker = Callable[[Worker, float], None]
TakesResult = Callable[[Task], bool]


class Scheduler:
    """Queue, workers and leases.

    Three callbacks are how it reports: give_up(task, reason) when a task has no more tries,
    revoke(lease) when a worker should stop what it runs, lose_worker(worker, now) when a basic worker,
    which cannot be told to stop, overran its lease. takes_result(task) tells whether there is room for its result.
    """

    def __init__(
        self,
        settings: Settings,
        rng: Randomness,
        timers: Timers,
        *,
        give_up: GiveUp,
        revoke: Revoke,
        lose_worker: LoseWorker,
        takes_result: TakesResult,
    ) -> None:
        self.settings = settings
        self.queue = FairQueue()
        self.workers: dict[bytes, Worker] = {}
        self.leases: dict[bytes, Lease] = {}
        self.suspects: deque[Task] = deque()
        self._rng = rng
        self._timers = timers
        self._give_up = give_up
        self._revoke = revoke
        self.lose_worker = lose_worker
        self._takes_result = takes_result
        self._deaths: deque[float] = deque(maxlen=64)
        self._trial_worker: Worker | None = None
        self._next_trial = 0.0  # not before this instant
        self._mean = 0.0  # duration of a lease, exponentially averaged, in seconds

    # --- granting ----

    def assign(self, now: float) -> list[Lease]:
        """Grant every lease that can be granted now."""
        return [*self._start_trial(now), *self._feed(now), *self._second_leases(now)]

    def _feed(self, now: float) -> list[Lease]:
        granted: list[Lease] = []
        if not self.queue:
            return granted
        open_workers = [(w.load, n, w) for n, w in enumerate(self.workers.values()) if w.open]
        heapq.heapify(open_workers)
        while open_workers and self.queue:
            _, n, worker = heapq.heappop(open_workers)
            task = self.queue.pop(lambda task, worker=worker: self._eligible(task, worker))  # type: ignore[misc]
            if task is not None:
                granted.append(self._grant(task, worker, now))
                if worker.open:
                    heapq.heappush(open_workers, (worker.load, n, worker))
        return granted

    def _start_trial(self, now: float) -> list[Lease]:
        """Empty one worker for the first suspect that has one, then run the suspect on it alone."""
        if self._trial_worker is None and self._next_trial <= now:
            for task in self.suspects:
                fit = [w for w in self.workers.values() if w.slots and not w.draining and self._eligible(task, w)]
                if fit:
                    self._trial_worker = min(fit, key=lambda worker: worker.load)
                    self._trial_worker.reserved = True
                    break
        worker = self._trial_worker
        if worker is None or worker.leases:
            return []
        if worker.draining:  # it wanted to leave while it was being emptied
            self._end_trial()
            return []
        for task in self.suspects:
            if self._eligible(task, worker):
                self.suspects.remove(task)
                return [self._grant(task, worker, now, alone=True)]
        self._end_trial()
        return []

    def _end_trial(self) -> None:
        if self._trial_worker is not None:
            self._trial_worker.reserved = False
            self._trial_worker = None

    def _second_leases(self, now: float) -> list[Lease]:
        """With nothing waiting in the queue, let free threads race what is late; the first result wins. A task that
        has lost a worker is not raced: it may be poison."""
        if self.queue or not self.leases:
            return []
        idle = [worker for worker in self.workers.values() if _has_free_thread(worker)]
        granted: list[Lease] = []
        for lease in self._late(now) if idle else ():
            task = lease.task
            if task.state is TaskState.RUNNING and len(task.leases) == 1 and not (task.losses or task.opaque):
                worker = next((w for w in idle if w is not lease.worker and self._eligible(task, w)), None)
                if worker is not None:
                    granted.append(self._grant(task, worker, now))
                    if not _has_free_thread(worker):
                        idle.remove(worker)
        return granted

    def _late(self, now: float) -> list[Lease]:
        """What no thread of its worker works on yet, the last in line first, so that a racer and the worker's own
        threads meet in the middle; then what has taken much longer than usual, the oldest first."""
        behind = {lease.token for worker in self.workers.values() for lease in _behind(worker)}
        waiting = [lease for lease in reversed(self.leases.values()) if lease.token in behind]
        old = now - max(self.settings.straggler_age, self.settings.straggler_factor * self._mean)
        return [*waiting, *takewhile(lambda lease: lease.began <= old, self.leases.values())]

    def _eligible(self, task: Task, worker: Worker) -> bool:
        if not self._takes_result(task):
            return False
        if task.opaque:  # for basic workers; ours step in when there is none
            return worker.basic or not any(w.basic for w in self.workers.values())
        if not _serves(worker, task):
            return False
        return task.avoid != worker.peer or not any(
            _serves(other, task) for other in self.workers.values() if other is not worker and not other.draining
        )

    def _grant(self, task: Task, worker: Worker, now: float, *, alone: bool = False) -> Lease:
        expires = now + self.settings.task_timeout
        lease = Lease(self._rng.randbytes(16), task, worker, now, expires, alone)
        self.leases[lease.token] = lease
        worker.leases[lease.token] = lease
        task.leases.append(lease)
        task.state = TaskState.RUNNING
        self._timers.at(lease.expires, self._on_expiry, lease)
        return lease

    # --- ending a lease ----

    def finish(self, lease: Lease, now: float) -> None:
        """The lease has brought an outcome: whatever else runs the same task may stop."""
        self._mean += (now - lease.began - self._mean) / 8
        for other in [other for other in lease.task.leases if other is not lease]:
            self.release(other)
            self._revoke(other)
        if lease.alone:
            lease.alone = False
            self._end_trial()

    def release(self, lease: Lease) -> None:
        """The lease is over; its slot is free and its token worth nothing."""
        self._timers.forget(lease)
        del self.leases[lease.token]
        del lease.worker.leases[lease.token]
        lease.task.leases.remove(lease)
        if lease.alone:
            self._end_trial()

    def renew(self, lease: Lease, now: float) -> None:
        """Its time begins anew: it has not begun to run, or its data is still on the way."""
        lease.expires = now + self.settings.task_timeout

    def give_back(self, lease: Lease) -> None:
        """Nobody is to blame: the task goes back to the head of its line, unless it also runs elsewhere."""
        self.release(lease)
        if not lease.task.leases:
            self._requeue(lease.task)

    def fail(self, lease: Lease, reason: str, now: float) -> None:
        """A transient failure."""
        task = lease.task
        self.release(lease)
        task.failures += 1
        if task.leases:
            return
        if task.failures > self.settings.failures:
            self._give_up(task, reason)
            return
        delay = self.settings.retry_delay * 2 ** (task.failures - 1) * (1 + self._rng.random() / 4)
        self._requeue_at(now + delay, task)

    def lose(self, worker: Worker, now: float) -> None:
        """The worker is gone; decide for each of its leases."""
        del self.workers[worker.peer]
        calm = not any(death > now - self.settings.calm for death in self._deaths)
        if worker.leases or not worker.draining:
            self._deaths.append(now)
        for lease in list(worker.leases.values()):
            alone, blamed = lease.alone, lease.alone and calm and (lease.begun or worker.basic)
            self.release(lease)
            task = lease.task
            if task.state is TaskState.DELIVERING:
                self._requeue(task)
            elif task.leases:
                task.losses += 1  # and what raced it goes on
            else:
                self._after_loss(task, now, alone=alone, blamed=blamed)
        if worker is self._trial_worker:
            self._end_trial()

    def _after_loss(self, task: Task, now: float, *, alone: bool, blamed: bool) -> None:
        task.losses += 1
        task.trial_losses += blamed
        limits = self.settings
        if alone:
            self._next_trial = now + limits.calm
        if task.trial_losses >= limits.trial_losses or task.losses >= limits.total_losses:
            times = f"{task.losses} times, {task.trial_losses} of them with nothing else running"
            self._give_up(task, f"The worker process died while it worked on this image ({times}).")
        elif alone:
            self._requeue_at(now + limits.calm, task)
        else:
            self._requeue(task)

    def _on_expiry(self, lease: Lease, now: float) -> None:
        if lease.expires > now:  # renewed since
            self._timers.at(lease.expires, self._on_expiry, lease)
            return
        if lease.worker.basic:
            self.lose_worker(lease.worker, now)
            return
        task = lease.task
        self.release(lease)
        self._revoke(lease)
        if task.leases:
            return
        task.expiries += 1
        if task.expiries > self.settings.expiries:
            limit = f"{self.settings.task_timeout:g} s"
            self._give_up(task, f"No worker finished this image within {limit} ({task.expiries} tries).")
        else:
            task.avoid = lease.worker.peer
            self._requeue(task)

    def _on_retry(self, task: Task, _now: float) -> None:
        if task.state is TaskState.DELAYED:
            self._requeue(task)

    def _requeue_at(self, when: float, task: Task) -> None:
        task.state = TaskState.DELAYED
        task.outcome = None
        self._timers.at(when, self._on_retry, task)

    def _requeue(self, task: Task) -> None:
        task.state = TaskState.WAITING
        task.outcome = None  # of a worker that announced it and is no longer there to be asked for it
        if task.losses >= self.settings.shared_losses:
            self.suspects.append(task)
        else:
            self.queue.push(task, first=True)

    def drop(self, task: Task) -> None:
        """Nobody wants this task any more."""
        self._timers.forget(task)
        if task.state is TaskState.WAITING:
            if task in self.suspects:
                self.suspects.remove(task)
            else:
                self.queue.remove(task)
        for lease in list(task.leases):
            self.release(lease)
            self._revoke(lease)
        task.state = TaskState.ENDED


def _serves(worker: Worker, task: Task) -> bool:
    return not worker.basic and worker.slots > 0 and task.needs <= worker.needs_served


def _has_free_thread(worker: Worker) -> bool:
    return worker.open and not worker.basic and worker.load < 1


def _behind(worker: Worker) -> list[Lease]:
    """Its leases beyond those that its threads run: it takes them in the order in which they were granted."""
    under_way = [lease for lease in worker.leases.values() if lease.task.state is TaskState.RUNNING]
    return under_way[worker.threads :]
