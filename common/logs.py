"""Logs of the daemons: one line for each event on standard error, which journald or a file keeps.

They go through the logging of the standard library, so a program that uses filterfleet as a library can have them. A
library such as structlog would write the same lines, and take each process 50 ms to import.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping
from typing import Any

from filterfleet.common.text import printable, shortened

# Characters of one value in a line. More shows longer names and reasons in full; less keeps a stranger from filling the
# disk with them.
VALUE_LIMIT = 1000

# Frames of a traceback, the innermost ones, and characters of it. More shows more of the way to a mistake; less keeps a
# mistake that is made again and again from filling the disk.
FRAMES = 8
TRACEBACK_LIMIT = 1500

ALL = "filterfleet"  # the logger of the package, above those of the roles

_PRIORITIES = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}  # of syslog(3)
_COLOURS = {"CRITICAL": "31", "ERROR": "31", "WARNING": "33", "INFO": "32", "DEBUG": "32"}  # of terminals


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

    def _log(self, level: int, event: str, fields: dict[str, Any], *, trace: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, Event(event, {**fields, "role": self._role}), exc_info=trace)


class Event:
    """The message of a record: an event and its fields. As text it is `event key=value …`, all of it printable."""

    def __init__(self, event: str, fields: Mapping[str, Any]) -> None:
        self.event = printable_value(event)
        self.fields = {name: printable_value(value) for name, value in sorted(fields.items())}

    def __str__(self) -> str:
        return self.text()

    def text(self, bold: str = "{}", field: str = "{}={}") -> str:
        """With the forms of an event, and of a name and its value."""
        fields = (field.format(name, _quoted(value)) for name, value in self.fields.items())
        return " ".join((bold.format(self.event), *fields))


def configure(level: int = logging.INFO) -> None:
    """Write `time level event key=value` lines, with colours on a terminal and without the time for journald."""
    handler = _Handler()
    handler.setFormatter(_Journal() if _to_journal() else _Terminal() if sys.stderr.isatty() else _Plain())
    package = logging.getLogger(ALL)
    package.handlers[:] = [handler]
    package.propagate = False
    package.setLevel(level)


def quiet_unless_configured() -> None:
    """For use as a library: log only errors, unless the program has configured logging itself."""
    if not logging.getLogger(ALL).hasHandlers():
        configure(logging.ERROR)


def get_logger(role: str) -> Logger:
    return Logger(role)


def printable_value(value: Any) -> Any:
    """Strangers choose some of the names in a log: these must not control the terminal that shows it, nor be long."""
    if isinstance(value, str):
        return shortened(printable(value), VALUE_LIMIT)
    if len(shown := repr(value)) > VALUE_LIMIT:
        return shortened(printable(shown), VALUE_LIMIT)
    return value


def bounded_traceback(error: BaseException) -> str:
    """The innermost frames of a traceback and its message, in printable lines that are indented, so that no message
    forges a line of the log. It tells no values of variables."""
    # The last exception is the one that ended the work. A chain of those before it may be as long as somebody likes.
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-FRAMES, chain=False)
    shown = (f"  {printable(line)}" for line in "".join(lines).rstrip().split("\n"))
    return shortened("\n".join(shown), TRACEBACK_LIMIT)


def _quoted(value: Any) -> str:
    plain = isinstance(value, str) and not set(value) & set(" \t=\r\n\"'")
    return value if plain else repr(value)


def _to_journal() -> bool:
    """Whether standard error goes to journald (systemd.exec(5), JOURNAL_STREAM)."""
    error = os.fstat(2)
    return os.environ.get("JOURNAL_STREAM") == f"{error.st_dev}:{error.st_ino}"


class _Handler(logging.StreamHandler[Any]):
    """Writes to what is standard error at the time. A log that cannot be written stops no work."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        pass


class _Plain(logging.Formatter):
    """`time [level    ] event key=value …`, and a traceback in indented lines below."""

    bold = dim = level = "{}"
    field = "{}={}"

    def format(self, record: logging.LogRecord) -> str:
        now = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.created % 1 * 1e6):06}Z"
        level = self.level.format(f"{record.levelname.lower():9}", colour=_COLOURS[record.levelname])
        assert isinstance(record.msg, Event)
        line = f"{self.dim.format(now)} [{level}] {record.msg.text(self.bold, self.field)}"
        return f"{line}\n{_trace_of(record)}" if record.exc_info else line


class _Terminal(_Plain):
    bold = "\x1b[1m{}\x1b[0m"
    dim = "\x1b[2m{}\x1b[0m"
    level = "\x1b[{colour}m\x1b[1m{}\x1b[0m"
    field = "\x1b[36m{}\x1b[0m=\x1b[35m{}\x1b[0m"


class _Journal(logging.Formatter):
    """`<priority>event key=value …` as in sd-daemon(3). Journald removes the priority and adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        assert isinstance(record.msg, Event)
        fields = {**record.msg.fields, **({"exception": _trace_of(record)} if record.exc_info else {})}
        shown = " ".join(f"{name}={value!r}" for name, value in sorted(fields.items()))
        return f"<{_PRIORITIES[record.levelname]}>{record.msg.event} {shown}"


def _trace_of(record: logging.LogRecord) -> str:
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    return bounded_traceback(record.exc_info[1])
