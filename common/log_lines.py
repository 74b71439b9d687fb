"""The forms of a line in a log: text, JSON, and what journald takes."""

from __future__ import annotations

import enum
import json
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

PRIORITIES = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}  # of syslog(3)
_COLOURS = {"CRITICAL": "31", "ERROR": "31", "WARNING": "33", "INFO": "32", "DEBUG": "32"}  # of terminals


class LogFormat(enum.StrEnum):
    TEXT = "text"
    JSON = "json"
    JOURNALD = "journald"


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


def formatter(form: LogFormat) -> logging.Formatter:
    """Text has colours on a terminal that knows them, unless its user wants none (https://no-color.org)."""
    if form is LogFormat.JSON:
        return _Json()
    if form is LogFormat.JOURNALD:
        return _Journal()
    coloured = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
    return _Terminal() if coloured else _Plain()


def is_journald(descriptor: int) -> bool:
    """Whether this goes to journald (systemd.exec(5), JOURNAL_STREAM)."""
    found = os.fstat(descriptor)
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


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


class _Plain(logging.Formatter):
    """`time [level    ] event key=value …`, and a traceback in indented lines below."""

    bold = dim = level = "{}"
    field = "{}={}"

    def format(self, record: logging.LogRecord) -> str:
        level = self.level.format(f"{record.levelname.lower():9}", colour=_COLOURS[record.levelname])
        assert isinstance(record.msg, Event)
        line = f"{self.dim.format(_time_of(record))} [{level}] {record.msg.text(self.bold, self.field)}"
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
        shown = " ".join(f"{name}={value!r}" for name, value in _fields_of(record))
        return f"<{PRIORITIES[record.levelname]}>{record.msg.event} {shown}"


class _Json(logging.Formatter):
    """One object a line: time, level and event, then the fields. It is printable ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        assert isinstance(record.msg, Event)
        row = {"time": _time_of(record), "level": record.levelname.lower(), "event": record.msg.event}
        others = {name: value for name, value in _fields_of(record) if name not in row}
        return json.dumps(row | others, default=repr).replace("\x7f", "\\u007f")


def _fields_of(record: logging.LogRecord) -> list[tuple[str, Any]]:
    assert isinstance(record.msg, Event)
    return sorted({**record.msg.fields, **({"exception": _trace_of(record)} if record.exc_info else {})}.items())


def _time_of(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.created % 1 * 1e6):06}Z"


def _trace_of(record: logging.LogRecord) -> str:
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    return bounded_traceback(record.exc_info[1])
