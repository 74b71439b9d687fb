"""An engine whose jobs make previews beside their outputs. Whoever submits them sees nothing of that."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from msgspec.structs import replace

from filterfleet.common.blob import whole
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import Engine, ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.logs import get_logger
from filterfleet.common.payload import Blob, close
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.wire import Failed, Result
from filterfleet.listener.previews.recipe import sendable

# Jobs whose previews wait to be written. More: a slow disk costs fewer of them. Less: they take less memory.
WAITING = 64
LARGEST = 1 << 20  # bytes of a preview: what is larger is none

# Images of which previews are made: BURST at once, and one more each INTERVAL seconds. A preview takes a worker as
# long as an easy filter. More: a busy fleet's gallery has more of its images. Less: a busy fleet spends less on them.
BURST, INTERVAL = 100, 1.0
QUIET = 60.0  # seconds between two lines about previews that cannot be kept

log = get_logger("listener")

Keep = Callable[[bytes, Mapping[str, bytes]], None]


class Budget:
    """How many more may be made: `most` at once, and another one each `interval` seconds. Instants are in seconds."""

    def __init__(self, most: int, interval: float) -> None:
        self._most, self._interval = most, interval
        self._left, self._since = float(most), 0.0

    def take(self, now: float) -> bool:
        """Whether there is one to take."""
        self._left = min(self._most, self._left + (now - self._since) / self._interval)
        self._since = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Previewing:
    """Around another engine. keep(job, pictures by name) is called on a thread of its own."""

    def __init__(self, engine: Engine, recipe: Recipe, keep: Keep) -> None:
        self.name = engine.name
        self.inline_limit = engine.inline_limit
        self._engine = engine
        self._keep = keep
        self._outputs = len(recipe.outputs)
        extended = sendable(recipe)
        self._recipe = extended.recipe
        self._recipe_bytes = extended.recipe.to_bytes()
        self._sourced = bool(recipe.mentioned)
        self._all = extended.recipe.names
        self._needs = tuple(sorted(extended.recipe.needs))
        self._names = extended.names
        self._thread = ThreadPoolExecutor(1, "previews")
        self._room = threading.Semaphore(WAITING)
        self._closed = False
        self._budget = Budget(BURST, INTERVAL)
        self._lines = RateLimit(1, QUIET)

    @property
    def window(self) -> int:
        return self._engine.window

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        if not self._names or not self._budget.take(time.monotonic()):
            return self._engine.submit(job, read)
        sent = replace(job, recipe=self._extended(job.recipe), needs=self._needs, outputs=self._all)
        future: Future[Result | Failed] = Future()
        self._engine.submit(sent, read).add_done_callback(partial(self._ended, future))
        return future

    def _extended(self, recipe: bytes) -> bytes:
        """What the recipe of a job says of its image goes along."""
        if not self._sourced:
            return self._recipe_bytes
        return dataclasses.replace(self._recipe, source=Recipe.from_bytes(recipe).source).to_bytes()

    def acknowledge(self, job: bytes) -> None:
        self._engine.acknowledge(job)

    def close(self) -> None:
        self._engine.close()
        self.finish()

    def finish(self) -> None:
        """Keep what waits to be kept, and no previews from now on."""
        self._closed = True
        self._thread.shutdown()

    def _ended(self, future: Future[Result | Failed], ended: Future[Result | Failed]) -> None:
        if ended.cancelled():
            future.cancel()
        elif (error := ended.exception()) is not None:
            future.set_exception(error)
        elif isinstance(outcome := ended.result(), Result):
            future.set_result(self._without_previews(outcome))
        else:
            future.set_result(outcome)

    def _without_previews(self, result: Result) -> Result:
        number = self._outputs
        pictures = result.payload[number:]
        self._offer(result.id, pictures)
        report = {**result.report}
        for name in ("sums", "sizes"):
            if isinstance(each := report.get(name), list | tuple):
                report[name] = list(each[:number])
        return replace(result, outputs=result.outputs[:number], payload=result.payload[:number], report=report)

    def _offer(self, job: bytes, pictures: tuple[Blob, ...]) -> None:
        """Previews are not worth waiting for."""
        fits = all(len(picture) <= LARGEST for picture in pictures)
        if self._closed or not fits or not self._room.acquire(blocking=False):
            _close(pictures)
            return
        try:
            self._thread.submit(self._put, job, pictures)
        except RuntimeError:  # it has just been closed
            _close(pictures)

    def _put(self, job: bytes, pictures: tuple[Blob, ...]) -> None:
        try:
            found = {name: bytes(whole(picture)) for name, picture in zip(self._names, pictures, strict=True)}
            self._keep(job, {name: picture for name, picture in found.items() if picture})
        except (OSError, FleetError) as error:
            if total := self._lines.admit("not kept", time.monotonic()):
                log.warning("previews cannot be kept", reason=str(error), total=total)
        finally:
            self._room.release()
            _close(pictures)


def _close(pictures: tuple[Blob, ...]) -> None:
    for picture in pictures:
        close(picture)
