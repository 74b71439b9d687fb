"""Logs of the daemons: one line for each event on standard error, which journald or a file keeps."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from filterfleet.common.text import printable, shortened

# Characters of one value in a line. More shows longer names and reasons in full; less keeps a stranger from filling the
# disk with them.
VALUE_LIMIT = 1000

# Frames of a traceback, the innermost ones, and characters of it. More shows more of the way to a mistake; less keeps a
# mistake that is made again and again from filling the disk.
FRAMES = 8
TRACEBACK_LIMIT = 1500

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}  # of syslog(3)


def configure(level: int = logging.INFO) -> None:
    """Write `time level event key=value` lines, with colours on a terminal and without the time for journald."""
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=_write_traceback
    )
    plain = (structlog.processors.TimeStamper(fmt="iso", utc=True), console)
    journal = (structlog.processors.ExceptionRenderer(_traceback_of), _journal_line)
    structlog.configure(
        processors=[structlog.processors.add_log_level, _printable, *(journal if _to_journal() else plain)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def quiet_unless_configured() -> None:
    """For use as a library: log only errors, unless the program has configured structlog itself."""
    if not structlog.is_configured():
        configure(logging.ERROR)


def _to_journal() -> bool:
    """Whether standard error goes to journald (systemd.exec(5), JOURNAL_STREAM)."""
    error = os.fstat(2)
    return os.environ.get("JOURNAL_STREAM") == f"{error.st_dev}:{error.st_ino}"


def _printable(_logger: Any, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Strangers choose some of the names in a log: these must not control the terminal that shows it, nor be long."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = shortened(printable(value), VALUE_LIMIT)
        elif name != "exc_info" and len(shown := repr(value)) > VALUE_LIMIT:
            event[name] = shortened(printable(shown), VALUE_LIMIT)
    return event


def bounded_traceback(error: BaseException) -> str:
    """The innermost frames of a traceback and its message, in printable lines that are indented, so that no message
    forges a line of the log. It tells no values of variables."""
    # The last exception is the one that ended the work. A chain of those before it may be as long as somebody likes.
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-FRAMES, chain=False)
    shown = (f"  {printable(line)}" for line in "".join(lines).rstrip().split("\n"))
    return shortened("\n".join(shown), TRACEBACK_LIMIT)


def _traceback_of(exc_info: Any) -> str:
    return bounded_traceback(exc_info[1])


def _write_traceback(stream: TextIO, info: Any) -> None:
    """For structlog, whose own way of showing an exception writes the values of all variables, however large."""
    stream.write("\n" + _traceback_of(info))


def _journal_line(_logger: Any, level: str, event: MutableMapping[str, Any]) -> str:
    """`<priority>event key=value …` as in sd-daemon(3). Journald removes the priority and adds the time."""
    text = event.pop("event")
    fields = " ".join(f"{name}={value!r}" for name, value in sorted(event.items()) if name != "level")
    return f"<{_PRIORITIES.get(level, 6)}>{text} {fields}"


def get_logger(role: str) -> Any:
    return structlog.get_logger(role=role)
