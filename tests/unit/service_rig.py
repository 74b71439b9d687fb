"""A listener between a source and a sink in memory, with the engine that does one image after another."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from filterfleet import process
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.listener import service
from filterfleet.listener.core import patience
from filterfleet.listener.interfaces import TransferError
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.settings.options import Options
from filterfleet.listener.setup import serve
from filterfleet.worker.engines.local import SequentialEngine
from tests.unit.samples import cv2, picture
from tests.unit.store_rig import MemorySink, MemorySource

ONCE = Options(settle=0.0, interval=0.05, once=True)
DEPARTING = Options(settle=0.0, interval=0.05, once=True, departs=True)
WATCH = Options(settle=0.0, interval=0.05)


def photograph(seed: int) -> bytes:
    return cv2.imencode(".jpg", picture(seed=seed))[1].tobytes()


PHOTOGRAPHS = {f"trip/{seed}.jpg": photograph(seed) for seed in range(5)}


class Rig:
    """Source, sink and ledger outlive each run of the listener."""

    def __init__(self, ledger: Path, stop: StopSignal) -> None:
        self.source = MemorySource(dict(PHOTOGRAPHS))
        self.sink = MemorySink()
        self._ledger = ledger
        self._stop = stop

    def run(
        self,
        options: Options = ONCE,
        until: Callable[[Ledger], bool] = lambda _: False,
        interrupt: Callable[[], None] = lambda: None,
    ) -> list[tuple[str, str]]:
        """One life of the listener, to its end or until(ledger). Returns path and reason of each failure by then."""
        self._stop.count = 0
        with (
            contextlib.closing(SequentialEngine()) as engine,
            contextlib.closing(Ledger(self._ledger, self.source.name, DEFAULT.digest.hex())) as ledger,
        ):

            def turned() -> None:
                self._stop.count += until(ledger)

            failures = serve(
                options,
                self.source,
                self.sink,
                ledger,
                engine,
                DEFAULT,
                stop=self._stop,
                turned=turned,
                interrupt=interrupt,
            )
        return [(failure.path, failure.reason) for failure in failures]

    @property
    def loads(self) -> list[str]:
        return [what for what in self.source.done if what.startswith("load")]


@contextlib.contextmanager
def hurried(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A rig whose listener has little patience."""
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.01)
    settings = service.settings
    monkeypatch.setattr(service, "settings", lambda *ends: dataclasses.replace(settings(*ends), once_patience=0.5))
    with contextlib.closing(StopSignal()) as stop:
        yield Rig(ledger, stop)


def expected(files: dict[str, bytes]) -> dict[str, bytes]:
    suffixes = {"grayscale": "", "blur": "", "edges": ".png"}
    return {
        f"{output}/{path}{suffixes[output]}": data
        for path, image in files.items()
        for output, data in process(image).items()
    }


def outage(what: str, times: int, *, transient: bool = True) -> Callable[[str], None]:
    """Operations whose names begin like this fail this many times."""
    left = times

    def trouble(begun: str) -> None:
        nonlocal left
        if begun.startswith(what) and left:
            left -= 1
            raise TransferError("The store is away.", transient=transient)

    return trouble
