"""Logs of the daemons: one line for each event on standard error, which journald or a file keeps.

They go through the logging of the standard library, so a program that uses filterfleet as a library can have them. A
library such as structlog would write the same lines, and take each process 50 ms to import. docs/events.md explains
every event.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from filterfleet.common.log_lines import Event, LogFormat, formatter, is_journald

ALL = "filterfleet"  # the logger of the package, above those of the roles

# A process hands these to its children, so that a whole fleet logs in one way.
FORMAT, LEVEL, IMAGES = "FILTERFLEET_LOG_FORMAT", "FILTERFLEET_LOG_LEVEL", "FILTERFLEET_LOG_IMAGES"

_NOTHING: Mapping[str, Callable[[], Any]] = MappingProxyType({})
_subject = contextvars.ContextVar("subject", default=_NOTHING)  # what the lines of a thread are about


class Logger:
    """Writes events with fields: `log.info("image done", path="a.jpg")`."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._logger = logging.getLogger(f"{ALL}.{role}")

    def debug(self, event: str, **fields: Any) -> None:
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error, with the traceback of the exception that is being handled."""
        self._log(logging.ERROR, event, fields, trace=True)

    def at(self, level: str, event: str, fields: Mapping[str, Any]) -> None:
        """level is debug, info, warning or error: for those who only decide what is to be said."""
        self._log(logging.getLevelNamesMapping()[level.upper()], event, fields)

    def _log(self, level: int, event: str, fields: Mapping[str, Any], *, trace: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            subject = {name: value() for name, value in _subject.get().items()}
            self._logger.log(level, Event(event, {**subject, **fields, "role": self._role}), exc_info=trace)


@contextlib.contextmanager
def about(**fields: Callable[[], Any]) -> Iterator[None]:
    """Every line that this thread writes meanwhile has these fields, which are only computed for a line."""
    token = _subject.set({**_subject.get(), **fields})
    try:
        yield
    finally:
        _subject.reset(token)


def configure(level: int = logging.INFO) -> None:
    """Write lines in the form, and with the level if there is one, that the environment says."""
    handler = _Handler()
    handler.setFormatter(formatter(chosen_format()))
    package = logging.getLogger(ALL)
    package.handlers[:] = [handler]
    package.propagate = False
    package.setLevel(logging.getLevelNamesMapping().get(os.environ.get(LEVEL, "").upper(), level))


def chosen_format() -> LogFormat:
    """What the environment says, or what standard error is."""
    with contextlib.suppress(ValueError):
        return LogFormat(os.environ.get(FORMAT, ""))
    return LogFormat.JOURNALD if is_journald(2) else LogFormat.TEXT


def tells_images() -> bool:
    """Whether the log is to have a line for each image that is done."""
    return os.environ.get(IMAGES) == "1"


def handed_down() -> dict[str, str]:
    """What a child has to find in its environment, to log as this process does."""
    return {name: os.environ[name] for name in (FORMAT, LEVEL, IMAGES) if name in os.environ}


def quiet_unless_configured() -> None:
    """For use as a library: log only errors, unless the program has configured logging itself."""
    if not logging.getLogger(ALL).hasHandlers():
        configure(logging.ERROR)


def get_logger(role: str) -> Logger:
    return Logger(role)


class _Handler(logging.StreamHandler[Any]):
    """Writes to what is standard error at the time. A log that cannot be written stops no work."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        pass
