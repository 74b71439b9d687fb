"""Logs of the daemons: one line for each event on standard error, which journald or a file keeps."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from filterfleet.common.text import printable

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}  # of syslog(3)


def configure(level: int = logging.INFO) -> None:
    """Write `time level event key=value` lines, with colours on a terminal and without the time for journald."""
    plain = (
        _printable,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0),
    )
    journal = (structlog.processors.format_exc_info, _journal_line)
    structlog.configure(
        processors=[structlog.processors.add_log_level, *(journal if _to_journal() else plain)],
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
    """Strangers choose some of the names in a log, and these must not control the terminal that shows it."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = printable(value)
    return event


def _journal_line(_logger: Any, level: str, event: MutableMapping[str, Any]) -> str:
    """`<priority>event key=value …` as in sd-daemon(3). Journald removes the priority and adds the time."""
    text = event.pop("event")
    fields = " ".join(f"{name}={value!r}" for name, value in sorted(event.items()) if name != "level")
    return f"<{_PRIORITIES.get(level, 6)}>{text} {fields}"


def get_logger(role: str) -> Any:
    return structlog.get_logger(role=role)
