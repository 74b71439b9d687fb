"""A listener's core with a ledger in memory, and a clock that is moved by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.wire import OutputFile, Result
from filterfleet.listener.core.actions import (
    Action,
    List,
    Publish,
)
from filterfleet.listener.core.core import ListenerCore
from filterfleet.listener.core.events import (
    Copied,
    Ended,
    Event,
    Listed,
    Published,
    Trouble,
    Written,
)
from filterfleet.listener.core.scan import Listing, Version
from filterfleet.listener.core.settings import GATHER, Settings
from filterfleet.listener.ledger.ledger import Ledger

RECIPE = Recipe((Output("out", (Step("invert"),), "png"),))
V1, V2 = Version(10, 1), Version(20, 2)
OUTPUTS = (OutputFile("out", "png", 3),)
AWAY = Trouble("The store is away.", transient=True)
DIGEST = b"d" * 32
JOB = DIGEST + RECIPE.digest
DONE = Ended(JOB, Result(JOB, OUTPUTS, {}, (b"png",)))


class Rig:
    """A core with a ledger in memory, and a clock that is moved by hand."""

    def __init__(self, recipe: Recipe = RECIPE, **choices: object) -> None:
        settings = replace(Settings(settle=0.0, interval=10.0), **choices)
        self.now = 0.0
        self.ledger = Ledger(Path(":memory:"), "source", recipe.digest.hex())
        self.recipe = recipe
        self.start(settings)

    def start(self, settings: Settings) -> None:
        self.core = ListenerCore(settings, self.recipe, self.ledger, random.Random(1))
        self.core.start(self.now, watching=not settings.once, looking=not settings.once)

    def tick(self, seconds: float = 0.0) -> list[Action]:
        self.now += seconds
        return self.core.on_tick(self.now)

    def on(self, event: Event) -> list[Action]:
        """What the event leads to, at once and in the tick after it. What is written is published."""
        actions = [*self.core.on(event, self.now), *self.tick(GATHER if isinstance(event, Written | Copied) else 0.0)]
        rest = [action for action in actions if not isinstance(action, Publish)]
        return rest if rest == actions else [*rest, *self.on(Published({}))]

    def lists(self, **objects: Version) -> list[Action]:
        """The first listing."""
        assert self.tick() == [List()]
        return self.on(Listed(Listing(objects)))

    def lists_next(self, objects: dict[str, Version]) -> list[Action]:
        """The next listing, as long after the one before as dice may have it."""
        assert self.tick(1.1 * self.core.settings.interval) == [List()]
        return self.on(Listed(Listing(objects)))

    def state(self, path: str) -> str:
        return next(row["status"] for row in self.ledger.report() if row["path"] == path)


def of(kind: type, actions: list[Action]) -> list[Action]:
    return [action for action in actions if isinstance(action, kind)]
