"""What SIGHUP does to a listener: it reads its settings, its recipe and its secrets again, and opens everything anew if
they have changed. The ledger goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Generic, TypeVar

from filterfleet.common.config.config import Config, tell_refusal
from filterfleet.common.errors import FleetError
from filterfleet.common.logs import get_logger, tells_images
from filterfleet.common.process.wakeup import ReloadSignal
from filterfleet.listener.service import ReopenError
from filterfleet.listener.settings.listener_options import ListenerOptions

LIVE = {field.name for field in fields(ListenerOptions)} - {"once"}

log = get_logger("listener")

Prepared = TypeVar("Prepared")


class Reloading(Generic[Prepared]):
    """What a listener runs with now, and how that changes. Only the main thread can make one."""

    def __init__(
        self, options: ListenerOptions, config: Config | None, prepare: Callable[[ListenerOptions], Prepared]
    ) -> None:
        """prepare reads the files that options name, and checks whatever can be checked before it is opened: equal
        values mean that nothing has changed. Without a config only these files are read again. Raises FleetError, as
        prepare does.
        """
        self._config = config
        self._prepare = prepare
        self._signal = ReloadSignal()
        self._images = tells_images()
        self._before: tuple[ListenerOptions, Prepared] | None = None  # while the new ones have not been opened
        self.options, self.prepared = options, prepare(options)

    def close(self) -> None:
        self._signal.close()

    def look(self) -> None:
        """To be called in every turn of a listener that is open. Raises ReopenError, as take() does."""
        self._before = None
        self.take()

    def take(self) -> None:
        """Raises ReopenError when the signal has come and something has changed."""
        if self._signal.take() and not self.options.once and (new := self._read()) is not None:
            self._before = self._before or (self.options, self.prepared)
            self.options, self.prepared = new
            self._images = tells_images()
            log.info("everything is opened anew")
            raise ReopenError

    def falls_back(self, error: FleetError) -> bool:
        """Opening has failed. Whether there is something with which it worked before, which counts again then."""
        if self._before is None:
            return False
        tell_refusal(error)
        (self.options, self.prepared), self._before = self._before, None
        return True

    def _read(self) -> tuple[ListenerOptions, Prepared] | None:
        """None when nothing has changed, or something is wrong, which is told."""
        found = self.options, self.prepared

        def check(values: Mapping[str, Any]) -> None:
            nonlocal found
            changed = {name: value for name, value in values.items() if name in LIVE}
            options = replace(self.options, **changed)
            found = options, self._prepare(options)

        if self._config is not None:
            if not self._config.reload({*LIVE, "_log_images"}, check):
                return None
        else:
            try:
                check({})
            except FleetError as error:
                tell_refusal(error)
                return None
        return None if found == (self.options, self.prepared) and self._images == tells_images() else found
