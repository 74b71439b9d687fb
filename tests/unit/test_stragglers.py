"""How much later a batch ends when one worker is ten times slower than its peers, with a clock moved by hand."""

import pytest

from filterfleet.common.wire import Cancel, Task
from tests.unit.broker_rig import Rig

PREFETCH = 2
STEP = 0.01  # seconds, at most, between two looks at the wire
NEVER = float("inf")
FAST, SLOW = (b"fx1|fast-1", b"fx1|fast-2"), b"fx1|slow"


class Fleet:
    """Workers with one thread that run tasks in order of arrival. `seconds` maps each worker to its time for a task."""

    def __init__(self, seconds):
        self.rig = Rig()
        self.seconds = seconds
        self.held = {peer: [] for peer in seconds}
        self.ends = dict.fromkeys(seconds, NEVER)
        for peer in seconds:
            self.rig.worker(peer, slots=1 + PREFETCH, threads=1)

    def makespan(self, tasks):
        """Seconds until this number of tasks have their results."""
        began = self.rig.now
        for n in range(tasks):
            self.rig.submit(b"%d" % n)
        while self.rig.counters.get("results", 0) < tasks:
            for peer in self.held:
                self._hear(peer)
            peer = min(self.ends, key=self.ends.get)
            self.rig.at(min(self.ends[peer], self.rig.now + STEP))
            if self.ends[peer] <= self.rig.now:
                self._finish(peer)
        return self.rig.now - began

    def _hear(self, peer):
        held = self.held[peer]
        for message in self.rig.take(peer):
            if isinstance(message, Task):
                held.append(message.id)
            elif isinstance(message, Cancel) and message.id in held[1:]:
                held.remove(message.id)  # a task that has begun cannot be stopped
        if held and self.ends[peer] == NEVER:
            self.ends[peer] = self.rig.now + self.seconds[peer]

    def _finish(self, peer):
        self.ends[peer] = NEVER
        self.rig.result(peer, self.held[peer].pop(0))


@pytest.mark.parametrize(("tasks", "seconds"), [(20, 0.05), (20, 0.3), (50, 0.05), (100, 0.05)])
def test_a_slow_worker_does_not_hold_up_a_batch(tasks, seconds):
    without = Fleet(dict.fromkeys(FAST, seconds)).makespan(tasks)
    beside = Fleet({**dict.fromkeys(FAST, seconds), SLOW: 10 * seconds}).makespan(tasks)
    print(f"{tasks} tasks of {seconds} s: {beside / without:.2f}")
    assert beside / without < 1.3
