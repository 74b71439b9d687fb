"""A client core with a clock moved by hand, and a broker that says what a test wants."""

import random

from filterfleet.common.client.actions import Deliver
from filterfleet.common.client.core import ClientCore
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import (
    MINOR,
    Failed,
    Hello,
    OutputFile,
    Result,
    Submit,
    encode,
)
from filterfleet.common.wire.actions import Send
from filterfleet.common.wire.messages import INLINE_LIMIT
from tests.memory_file import MemoryFile, Shelf, answers

HELLO = Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT)
MODERN_HELLO = Hello(b"life", b"session", 1.0, 4, INLINE_LIMIT, MINOR)
OTHER_HELLO = Hello(b"next life", b"other", 1.0, 4, INLINE_LIMIT)
JOB = Job(b"job", b"recipe", ("canny",), 5, (b"image",), 5)
SUBMIT = Submit(b"job", b"recipe", ("canny",), 5, 5, (b"image",))
RESULT = Result(b"job", (OutputFile("edges", "png", 3),), {}, (b"png",))
FAILED = Failed(b"job", "permanent", "Damaged.")


class Client:
    def __init__(self, new_file=MemoryFile, brokers=1):
        self.core = ClientCore(random.Random(1), brokers)
        self.shelf = Shelf(new_file)
        self.opening = self.core.start(0.0)

    def hears(self, *messages, now=0.0):
        actions = self.shelf.settle(self.core, self.core.on_message(encode(messages), now), now)
        return actions + answers(self.core) + self.core.on_tick(now)

    def submit(self, job, now=0.0):
        self.core.submit(job)
        return self.core.on_tick(now)

    def acknowledge(self, job, now=0.0):
        self.core.acknowledge([job], now)
        return self.core.on_tick(now)

    def until(self, now, *, broker_alive=True):
        """The actions of the core up to an instant, each with its own instant."""
        found = []
        while (instant := self.core.deadline()) <= now:
            if broker_alive:
                self.core.on_message([b"\x02"], instant)
            found += [(instant, action) for action in self.core.on_tick(instant)]
        return found


def sent(actions, kind):
    return [action.message for action in actions if isinstance(action, Send) and isinstance(action.message, kind)]


def submissions(timeline):
    return [when for when, action in timeline if isinstance(action, Send) and isinstance(action.message, Submit)]


def delivered(actions):
    return [action for action in actions if isinstance(action, Deliver)]
