"""Which worker runs what, and what follows when a lease ends. Knows nothing of the wire.

    how a lease ends              what follows for its task
    ----------------------------  -----------------------------------------------------------------------------
    finished                      The worker sent a result or a permanent failure. A rival's lease is revoked.
    lost: the worker died         Requeued at once. After `shared_losses` losses the task is a suspect and runs
                                  alone on an emptied worker (trials.py). A loss during a trial counts against
                                  the task only if the rest of the fleet was calm and the worker had said that
                                  it began; before that, the worker may have died of something else. The next
                                  trial waits until this death is some time ago, so that calm can be seen.
                                  Given up after `trial_losses` of these, or after `total_losses` in all.
    failed transiently            Tried again after a delay that doubles. Given up after `failures` retries.
    expired: it took too long     Requeued, for another worker if another can do it. Given up after `expiries`
                                  retries. A basic worker cannot be told to stop, so it counts as lost.
    given back, or never arrived  Requeued. Nobody is to blame.
    revoked                       A rival was faster, or nobody wants the task any more. Nothing follows.

A task that also runs elsewhere is neither requeued nor given up when one of its leases ends badly.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from functools import partial
from itertools import takewhile

from filterfleet.broker.books import Books
from filterfleet.broker.fairness import FairQueue
from filterfleet.broker.repeats import Repeats, alike
from filterfleet.broker.settings import Settings
from filterfleet.broker.state import Ending, Lease, LeaseState, Task, TaskState, Worker
from filterfleet.broker.timers import Alarm, Timers
from filterfleet.broker.trials import Trials
from filterfleet.broker.tries import has_begun, note
from filterfleet.broker.verdicts import GaveUp, Overran, Revoked, Verdict
from filterfleet.common.wire.liveness import Randomness

TOKEN = 16  # bytes
NEVER = float("-inf")  # the instant of something that has not happened yet


class Scheduler:
    """The queue, the workers and the leases.

    Several methods return verdicts, in the order in which the caller must carry them out. Until a task that was given
    up has been handed to its client, it is in no queue and has no lease.
    """

    def __init__(self, settings: Settings, rng: Randomness, timers: Timers, books: Books) -> None:
        self.settings = settings
        self.queue = FairQueue()
        self.trials = Trials()
        self.repeats = Repeats(settings.repeats, settings.repeat_life)
        self.workers: dict[bytes, Worker] = {}
        self.leases: dict[bytes, Lease] = {}  # by token, in the order in which they were granted
        self._rng = rng
        self._timers = timers
        self._books = books
        self._last_death = NEVER
        self._mean = 0.0  # duration of a lease, exponentially averaged, in seconds

    @property
    def waiting(self) -> int:
        """How many tasks wait for a worker."""
        return len(self.queue) + len(self.trials.suspects)

    # --- granting ----

    def assign(self, now: float) -> list[Lease]:
        """Grant every lease that can be granted now."""
        return [*self._start_trial(now), *self._feed(now), *self._race(now)]

    def _start_trial(self, now: float) -> list[Lease]:
        found = self.trials.next(self.workers.values(), self.may_run, now)
        return self._grant([found[0]], found[1], now, alone=True) if found else []

    def _feed(self, now: float) -> list[Lease]:
        """Give the queue to the open workers, the least loaded first."""
        granted: list[Lease] = []
        if not self.queue:
            return granted
        open_workers = [(w.load, n, w) for n, w in enumerate(self.workers.values()) if w.open]
        heapq.heapify(open_workers)
        while open_workers and self.queue:
            _, n, worker = heapq.heappop(open_workers)
            if tasks := self.queue.pop(partial(self.may_run, worker), worker.portion):
                granted += self._grant(tasks, worker, now)
                if worker.open:
                    heapq.heappush(open_workers, (worker.load, n, worker))
        return granted

    def _race(self, now: float) -> list[Lease]:
        """When the queue is empty, let free threads race what is late; the first result wins."""
        if self.queue or not self.leases:
            return []
        oldest = next(iter(self.leases.values()))
        if 0 < self._mean < self.settings.race_gain and oldest.began > now - self.settings.straggler_age:
            return []  # nothing is late, as most of the time
        idle = [worker for worker in self.workers.values() if _has_free_thread(worker)]
        granted: list[Lease] = []
        for lease in self._late(now) if idle else ():
            task = lease.task
            if task.can_race:
                worker = next((w for w in idle if w is not lease.worker and self.may_run(w, task)), None)
                if worker is not None:
                    task.raced = True
                    granted += self._grant([task], worker, now)
                    if not _has_free_thread(worker):
                        idle.remove(worker)
        return granted

    def _late(self, now: float) -> list[Lease]:
        """First the leases that no thread of their worker works on yet, the last in line first, so that a racer and the
        worker's own threads meet in the middle; none of them when leases end within moments. Then those that take much
        longer than usual, the oldest first."""
        waiting: list[Lease] = []
        if not 0 < self._mean < self.settings.race_gain:
            behind = {lease.token for worker in self.workers.values() for lease in worker.behind}
            waiting = [lease for lease in reversed(self.leases.values()) if lease.token in behind]
        old = now - max(self.settings.straggler_age, self.settings.straggler_factor * self._mean)
        return [*waiting, *takewhile(lambda lease: lease.began <= old, self.leases.values())]

    def may_run(self, worker: Worker, task: Task) -> bool:
        """Whether this worker, if it has a free slot, may be granted this task."""
        if not self._books.takes_result(task):
            return False
        if task.opaque:  # for basic workers; ours step in when there is none
            return worker.basic or not any(w.basic for w in self.workers.values())
        if not _serves(worker, task):
            return False
        return task.avoid != worker.peer or not any(
            _serves(other, task) for other in self.workers.values() if other is not worker and not other.draining
        )

    def _grant(self, tasks: list[Task], worker: Worker, now: float, *, alone: bool = False) -> list[Lease]:
        expires = now + self.settings.task_timeout
        random = self._rng.randbytes(TOKEN * len(tasks))
        tokens = [random[first : first + TOKEN] for first in range(0, len(random), TOKEN)]
        granted: list[Lease] = []
        running = TaskState.RUNNING  # a constant of an enumeration takes long to find
        for token, task in zip(tokens, tasks, strict=True):
            lease = Lease(token, task, worker, now, expires, alone)
            task.leases = (*task.leases, lease) if task.leases else (lease,)
            task.state = running
            granted.append(lease)
        by_token = dict(zip(tokens, granted, strict=True))
        self.leases.update(by_token)
        worker.leases.update(by_token)
        self._timers.at(expires, Alarm.EXPIRY, *granted)
        return granted

    # --- ending a lease ----

    def finish(self, lease: Lease, now: float) -> list[Revoked]:
        """The lease has brought an outcome: whatever else runs the same task may stop. The lease itself stays, for its
        outputs may have to be pulled."""
        self._mean += (now - lease.began - self._mean) * self.settings.duration_weight
        rivals = [other for other in lease.task.leases if other is not lease]
        for other in rivals:
            note(other, Ending.OVERTAKEN, now)
            self.release(other)
        if lease.alone:
            lease.alone = False
            self.trials.end()
        return [Revoked(other) for other in rivals]

    def finish_all(self, leases: Sequence[Lease], now: float) -> None:
        """These leases of one worker have brought outcomes with their outputs, and nothing else runs their tasks: they
        are over."""
        weight = 1 - (1 - self.settings.duration_weight) ** len(leases)
        self._mean += (now - sum(lease.began for lease in leases) / len(leases) - self._mean) * weight
        everybody, of_worker = self.leases, leases[0].worker.leases
        for lease in leases:
            token = lease.token
            del everybody[token], of_worker[token]
            lease.task.leases = ()
        self._timers.forget(*leases)

    def release(self, lease: Lease) -> None:
        """The lease is over; its slot is free and its token worth nothing."""
        self._timers.forget(lease)
        del self.leases[lease.token]
        del lease.worker.leases[lease.token]
        lease.task.leases = tuple([other for other in lease.task.leases if other is not lease])
        if lease.alone:
            self.trials.end()

    def renew(self, lease: Lease, now: float) -> None:
        """Its time begins anew."""
        lease.expires = now + self.settings.task_timeout
        self._timers.at(lease.expires, Alarm.EXPIRY, lease)

    def carried(self, lease: Lease, size: int, whole: int, now: float) -> None:
        """A part of this size has passed, of blobs that take `whole` bytes. Its time begins anew, unless parts come
        again and again."""
        lease.pulled += size
        if lease.pulled <= self.settings.pulls * whole:
            self.renew(lease, now)

    def give_back(self, lease: Lease, now: float) -> None:
        """Nobody is to blame. The task goes back to the head of its line, unless it also runs elsewhere."""
        if has_begun(lease):
            note(lease, Ending.RETURNED, now)
        self.release(lease)
        lease.task.raced = False
        if not lease.task.leases:
            self._requeue(lease.task)

    def fail(self, lease: Lease, reason: str, now: float) -> list[GaveUp]:
        """The worker reports a transient failure."""
        task, limits = lease.task, self.settings
        self.release(lease)
        task.failures += 1
        if task.failures > limits.failures and not task.leases:
            return [GaveUp(task, reason, lease.worker)]
        note(lease, Ending.TRANSIENT, now, reason)
        if task.leases:
            return []
        delay = limits.retry_delay * 2 ** (task.failures - 1) * (1 + self._rng.random() * limits.retry_jitter)
        self._requeue_at(now + delay, task)
        return []

    def lose(self, worker: Worker, now: float) -> list[GaveUp]:
        """The worker is gone, and all its leases with it."""
        del self.workers[worker.peer]
        calm = self._last_death <= now - self.settings.calm
        if worker.leases or not worker.draining:
            self._last_death = now
        verdicts: list[GaveUp] = []
        for lease in list(worker.leases.values()):
            had_begun = lease.state is LeaseState.BEGUN or worker.basic
            alone, blamed = lease.alone, lease.alone and calm and had_begun
            self.release(lease)
            task = lease.task
            if task.state is TaskState.DELIVERING:
                note(lease, Ending.LOST, now)
                self._requeue(task)
            elif task.leases:  # the other racer goes on
                note(lease, Ending.LOST, now)
                task.losses += 1
            else:
                verdicts += self._after_loss(lease, now, alone=alone, blamed=blamed)
        if worker is self.trials.worker:
            self.trials.end()
        return verdicts

    def _after_loss(self, lease: Lease, now: float, *, alone: bool, blamed: bool) -> list[GaveUp]:
        task = lease.task
        if task.opaque:
            self.repeats.lost(task, now, blamed=blamed)
            self._warn_of(task)
        else:
            task.losses += 1
            task.trial_losses += blamed
        limits = self.settings
        if alone:
            self.trials.pause(now + limits.calm)
        if task.trial_losses >= limits.trial_losses or task.losses >= limits.total_losses:
            times = f"{task.losses} times, {task.trial_losses} of them with nothing else running"
            return [GaveUp(task, f"The worker process died while it worked on this image ({times}).", lease.worker)]
        note(lease, Ending.LOST, now)
        if alone:
            self._requeue_at(now + limits.calm, task)
        else:
            self._requeue(task)
        return []

    def expire(self, lease: Lease, now: float) -> list[Verdict]:
        """The time of this lease is over."""
        if lease.worker.basic:
            return [Overran(lease.worker)]
        task = lease.task
        self.release(lease)
        if task.leases:  # the other racer goes on
            note(lease, Ending.EXPIRED, now)
            return [Revoked(lease)]
        task.expiries += 1
        if task.expiries > self.settings.expiries:
            limit = f"{self.settings.task_timeout:g} s"
            reason = f"No worker finished this image within {limit} ({task.expiries} tries)."
            return [Revoked(lease), GaveUp(task, reason, lease.worker)]
        note(lease, Ending.EXPIRED, now)
        task.avoid = lease.worker.peer
        self._requeue(task)
        return [Revoked(lease)]

    def _warn_of(self, task: Task) -> None:
        """What this request has cost counts against those with the same content as well."""
        for other in self.waiting_like(task):
            other.losses, other.trial_losses = task.losses, task.trial_losses
            if other in self.queue and other.losses >= self.settings.shared_losses:
                self.queue.remove(other)
                self.trials.suspects.append(other)

    # --- tasks without a lease ----

    def take_in(self, *tasks: Task) -> None:
        """New tasks of one client, priority and kind."""
        if tasks[0].losses >= self.settings.shared_losses:
            self.trials.suspects.extend(tasks)
        else:
            self.queue.push_all(tasks)

    def waiting_like(self, task: Task) -> list[Task]:
        """Other requests of basic clients that have the same content and no lease."""
        return [
            other for other in self._books.every_task() if other is not task and not other.leases and alike(task, other)
        ]

    def retry(self, task: Task) -> None:
        """The delay of this task is over."""
        if task.state is TaskState.DELAYED:
            self._requeue(task)

    def _requeue_at(self, when: float, task: Task) -> None:
        task.state = TaskState.DELAYED
        task.outcome = None
        self._timers.at(when, Alarm.RETRY, task)

    def _requeue(self, task: Task) -> None:
        task.state = TaskState.WAITING
        task.raced = False
        task.outcome = None  # its outputs were to be pulled from a worker that has lost them
        if task.losses >= self.settings.shared_losses:
            self.trials.suspects.append(task)
        else:
            self.queue.push(task, first=True)

    def drop(self, task: Task) -> list[Revoked]:
        """Nobody wants this task any more."""
        self._timers.forget(task)
        if task.state is TaskState.WAITING:
            if task in self.trials.suspects:
                self.trials.suspects.remove(task)
            else:
                self.queue.remove(task)
        leases = list(task.leases)
        for lease in leases:
            self.release(lease)
        task.state = TaskState.ENDED
        return [Revoked(lease) for lease in leases]


def _serves(worker: Worker, task: Task) -> bool:
    return not worker.basic and worker.slots > 0 and task.needs <= worker.needs_served


def _has_free_thread(worker: Worker) -> bool:
    return worker.open and not worker.basic and worker.load < 1
