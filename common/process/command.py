"""Entry points: a FleetError ends a command with its one sentence, never with a traceback."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.common.log_lines import PRIORITIES, VALUE_LIMIT, LogFormat, bounded_traceback
from filterfleet.common.logs import chosen_format, configure, get_logger
from filterfleet.common.process.ending import FULL, LOST_OUTPUT, lost_output
from filterfleet.common.process.system import allow_many_files, die_with_parent
from filterfleet.common.text import printable, shortened

BUG_EXIT = 70  # EX_SOFTWARE of sysexits.h; 1 means that images failed
NO_THREAD = "can't start new thread"  # a RuntimeError of Python's threading
CROWDED = (
    "The limit on threads and processes is reached: raise it (ulimit -u, TasksMax= of a unit, --pids-limit of a"
    " container), or lower --threads and --workers."
)
NOWHERE = "The current folder does not exist any more: change to another one."
SUPERVISOR = "FILTERFLEET_SUPERVISOR"  # environment: pid of the process that must not be outlived


def guarded(function: Callable[[], object]) -> None:
    """Run a command. A FleetError, a Ctrl-C or a bug ends the process with a sentence and its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("octets", _octets)
        sys.stdout.reconfigure(errors="octets")  # file names go out as the bytes they are
    allow_many_files()
    try:
        function()
    except FleetError as error:
        for sentence in str(error).split("\n"):  # and at no other character: names in a sentence are escaped
            _say(sentence)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - a bug ends in a sentence, too
        if isinstance(error, OSError) and error.errno in FULL and not _can_print():
            _say(lost_output(error))
            sys.exit(LOST_OUTPUT)
        if NO_THREAD in str(error) or (isinstance(error, FileNotFoundError) and _is_nowhere()):
            _say(CROWDED if NO_THREAD in str(error) else NOWHERE)
            sys.exit(FleetError.exit_code)
        if not sys.stderr.isatty():  # in a log, somebody will look for the traceback
            with contextlib.suppress(OSError):
                print(bounded_traceback(error), file=sys.stderr)  # noqa: T201
        _say(f"An error in the program, please report it: {shortened(repr(error), VALUE_LIMIT)}.")
        sys.exit(BUG_EXIT)


def _is_nowhere() -> bool:
    """Whether somebody has removed the current folder: no relative path has a meaning then."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _can_print() -> bool:
    """Whether standard output still takes something. If it does not, it takes everything from now on, and loses it."""
    try:
        os.write(1, b"\n")
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), 1)
        return False
    return True


def _octets(error: UnicodeError) -> tuple[bytes, int]:
    """For codecs: a byte of a file name that is not UTF-8 stays the byte, and what this locale lacks is escaped."""
    assert isinstance(error, UnicodeEncodeError)
    kept = (
        bytes((ord(c) & 0xFF,)) if "\udc80" <= c <= "\udcff" else c.encode("ascii", "backslashreplace")
        for c in error.object[error.start : error.end]
    )
    return b"".join(kept), error.end


def _say(sentence: str) -> None:
    """Print it to standard error, as an error where a program reads that. A full disk behind that must not change the
    exit code."""
    form = chosen_format()
    if form is LogFormat.JSON:
        configure()
        get_logger("command").error("cannot go on", reason=sentence)
        return
    mark = f"<{PRIORITIES['ERROR']}>" if form is LogFormat.JOURNALD else ""
    with contextlib.suppress(OSError):
        print(f"{mark}filterfleet: {printable(sentence)}", file=sys.stderr, flush=True)  # noqa: T201


def run_command(command: Any) -> None:
    """Run a command of typer as daemon() does. Where a program reads the log, a wrong option is told as every other
    reason not to start."""

    def run() -> None:
        if chosen_format() is LogFormat.TEXT:
            command()
        try:
            code = command(standalone_mode=False)
        except Exception as error:
            if type(error).__name__ == "Abort":  # Ctrl-C; typer has these classes of its own, or from click
                raise KeyboardInterrupt from None
            if (message := getattr(error, "format_message", None)) is None:
                raise
            raise FleetError(message()) from None
        sys.exit(code if isinstance(code, int) else 0)

    daemon(run)


def daemon(function: Callable[[], object]) -> None:
    """Run the main function of a long-lived process."""

    def start() -> None:
        if supervisor := os.environ.get(SUPERVISOR):
            if not supervisor.isdecimal():
                raise FleetError(f"{SUPERVISOR} is for processes that filterfleet itself starts: unset it.")
            die_with_parent(int(supervisor))
        configure()
        threading.excepthook = _on_thread_failed
        function()

    guarded(start)


def _on_thread_failed(failed: threading.ExceptHookArgs) -> None:
    """Python itself would write the whole way to a mistake, however long it is."""
    if failed.exc_value is not None and failed.exc_type is not SystemExit:
        with contextlib.suppress(OSError):
            print(bounded_traceback(failed.exc_value), file=sys.stderr, flush=True)  # noqa: T201
