"""A worker's session under test: its files are in memory, and its clock is moved by hand."""

import random

from filterfleet.common.wire import Hello, OutputFile, Result, Task, encode
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.messages import CHUNK, INLINE_LIMIT
from filterfleet.worker.done import Done
from filterfleet.worker.leases.actions import Profile, SendFrames
from filterfleet.worker.leases.session import WorkerSession
from tests.memory_file import MemoryFile, Shelf, answers

READY, HEARTBEAT = SendFrames((b"\x01",)), SendFrames((b"\x02",))
PROFILE = Profile(2, 1, ("canny",), "host/1", "1.0", 10 * CHUNK)
HELLO = Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT)
TASK = Task(b"lease", b"recipe", 5, 60.0, payload=(b"image",))
DONE = Done((OutputFile("edges", "png", 3),), (b"png",), {"width": 1})
RESULT = Result(b"lease", DONE.outputs, DONE.report, DONE.blobs)


class Worker:
    def __init__(self, profile=PROFILE, new_file=MemoryFile):
        self.session = WorkerSession(profile, random.Random(1))
        self.shelf = Shelf(new_file)
        self.opening = self.session.start(0.0)

    def hears(self, *messages, now=0.0):
        actions = self.settled(self.session.on_message(encode(messages), now), now)
        return actions + answers(self.session) + self.settled(self.session.on_tick(now), now)

    def ends(self, lease=b"lease", done=DONE, now=0.0):
        """A thread is done with the task."""
        return self.session.on_result(lease, done, now) + self.session.on_tick(now)

    def fails(self, reason, kind="transient", now=0.0):
        return self.session.on_failed(b"lease", kind, reason, now) + self.session.on_tick(now)

    def cannot_read(self, now=0.0):
        return self.session.on_unreadable(b"lease", "Gone.", now) + self.session.on_tick(now)

    def settled(self, actions, now=0.0):
        return self.shelf.settle(self.session, actions, now)

    def hears_frames(self, *frames, now=0.0):
        return self.session.on_message(list(frames), now)

    def silence_until(self, now):
        """Every action of the ticks that the session asks for, with their instants."""
        found = []
        while self.session.deadline() <= now:
            instant = max(0.0, self.session.deadline())
            found += [(instant, action) for action in self.settled(self.session.on_tick(instant), instant)]
        return found


def met():
    """One that has met our broker."""
    worker = Worker()
    worker.hears(HELLO)
    return worker


def sent(actions, kind):
    return [action.message for action in actions if isinstance(action, Send) and isinstance(action.message, kind)]
