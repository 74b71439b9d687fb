"""From an outcome to its end: outputs in their places, failures told, sources taken away, all of it in the ledger."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from filterfleet.common.blob import Blob
from filterfleet.common.errors import ImageError
from filterfleet.common.logs import get_logger
from filterfleet.common.wire import Result
from filterfleet.listener.attempts import Attempts, Final
from filterfleet.listener.core.scan import Version
from filterfleet.listener.interfaces import ChangedError, Sink, Source, TransferError
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.loop import Event, Loop
from filterfleet.listener.settings.options import Failures, Options

log = get_logger("listener")


class Delivery:
    """ended is called once the ledger knows the outcome of a path, of which one at most is under way."""

    def __init__(
        self,
        loop: Loop,
        options: Options,
        ledger: Ledger,
        source: Source,
        sink: Sink,
        at_source: Attempts,
        at_sink: Attempts,
        given_up: Callable[[str, Version], None],
    ) -> None:
        """given_up(path, version) is called for what failed and may not fail later."""
        self._loop = loop
        self._options = options
        self._ledger = ledger
        self._source = source
        self._sink = sink
        self._at_source = at_source
        self._at_sink = at_sink
        self._given_up = given_up
        self._under_way = 0  # of what nobody waits for

    @property
    def idle(self) -> bool:
        return self._under_way == 0

    def write(
        self,
        path: str,
        version: Version,
        result: Result,
        record: Callable[[float], None],
        ended: Event,
        *,
        urgent: bool,
    ) -> None:
        """Place the outputs of a job, and record them with the seconds that took."""

        def written(seconds: float) -> None:
            record(seconds)
            self._take_back(path)
            ended()

        def failed(error: Final) -> None:
            self.fail(path, version, str(error), transient=_is_transient(error), ended=ended)

        self._at_sink.do(path, functools.partial(self._write, path, result), written, failed, urgent=urgent)

    def copy(self, original: str, path: str, result: Result, record: Event, ended: Event, otherwise: Event) -> None:
        """Place the outputs that another path of the same content has; otherwise() when they are no longer there."""

        def copied(there: bool) -> None:
            if not there:
                otherwise()
                return
            record()
            self._take_back(path)
            ended()

        work = functools.partial(self._sink.copy, original, path, result.outputs)
        self._at_sink.do(path, work, copied, lambda _: otherwise())

    def fail(self, path: str, version: Version, reason: str, *, transient: bool, ended: Event) -> None:
        """Record a failure, and tell of it at the output when it is final."""
        log.warning("image failed", path=path, reason=reason)

        def told(_: object) -> None:
            self._ledger.tell(path)
            record()

        def untold(error: Final) -> None:
            log.warning("the failure cannot be told at the output", path=path, reason=str(error))
            record()

        def record() -> None:
            self._ledger.failed(path, version, reason, transient=transient)
            ended()
            if transient:
                self._given_up(path, version)

        if transient or self._options.failures is Failures.OFF:
            record()
        else:
            self._at_sink.do(path, functools.partial(self._tell, path, version, reason), told, untold)

    def take_away(self, path: str, version: Version, departed: Callable[[str], None]) -> None:
        """Have a source that is done leave its place, from the next turn on, when it is durable that it is done;
        departed(path) when it has."""
        self._under_way += 1

        def taken(_: object) -> None:
            self._under_way -= 1
            self._ledger.departed(path, version)
            departed(path)

        def failed(error: Final) -> None:
            self._under_way -= 1
            self._ledger.stays(path, version)
            if isinstance(error, TransferError):  # else it is another by now
                log.warning("the source stays where it is", path=path, reason=str(error))

        work = functools.partial(self._source.take_away, path, version)
        self._loop.later(0.0, lambda: self._at_source.do(path, work, taken, failed))

    def _take_back(self, path: str) -> None:
        """What was told of an earlier version's failure."""
        if not self._ledger.is_told(path):
            return
        self._under_way += 1

        def done(_: object) -> None:
            self._under_way -= 1

        def cleared(_: object) -> None:
            self._ledger.take_back(path)
            done(None)

        self._at_sink.do(path, functools.partial(self._sink.clear_failed, path), cleared, done)

    def _write(self, path: str, result: Result) -> float:
        began = time.perf_counter()
        self._sink.write(path, result.outputs, result.payload)
        return time.perf_counter() - began

    def _tell(self, path: str, version: Version, reason: str) -> None:
        image = self._copy(path, version) if self._options.failures is Failures.COPY else None
        self._sink.write_failed(path, reason, image)

    def _copy(self, path: str, version: Version) -> Blob | None:
        try:
            return self._source.load(path, version, 0).blob
        except (ChangedError, TransferError, ImageError):  # the reason is told without it
            return None


def _is_transient(error: Final) -> bool:
    return isinstance(error, TransferError) and error.transient
