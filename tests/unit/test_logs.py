"""Log lines: what strangers have a say in cannot control a terminal, forge a line or fill a disk."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from filterfleet.common import logs

SCRIPT = """
import sys
import threading
from filterfleet.common import logs
from filterfleet.common.process.command import daemon, guarded

if "journal" in sys.argv:
    logs._to_journal = lambda: True
if "unconfigured" not in sys.argv:
    logs.configure()
log = logs.get_logger("test")


def bomb(depth, password="the-" + "secret"):
    everything = [password] * 100_000
    if not depth:
        raise ValueError("reason\\x1b[31m\\nforged line " * 1000) from KeyError("x" * 100_000)
    again(depth - 1)


def again(depth):
    bomb(depth)


if "crash" in sys.argv:
    guarded(lambda: bomb(400))
if "thread" in sys.argv:

    def start():
        thread = threading.Thread(target=bomb, args=(400,))
        thread.start()
        thread.join()

    daemon(start)
    sys.exit()
try:
    bomb(400)
except ValueError:
    log.exception("event\\nforged", path="\\x1b]0;x\\x07" + "p" * 100_000, many=["\\x1b"] * 10_000, none=None, one=1)
"""


def said_by(*arguments: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], stderr=subprocess.PIPE, check=False, timeout=60
    ).stderr


@pytest.mark.parametrize("way", ["console", "journal", "crash", "thread"])
def test_a_mistake_takes_little_of_the_log_and_tells_no_values(way: str):
    said = said_by(way)
    assert len(said) < 5500  # three texts at their limits
    assert b"the-secret" not in said
    assert b"\x1b" not in said
    assert b"ValueError: reason" in said
    assert b" in bomb" in said
    assert not any(line.startswith((b"forged", b"\x07")) for line in said.splitlines())
    if way == "journal":
        assert said.count(b"\n") == 1


def test_a_plain_mistake_takes_no_more_than_two_kilobytes():
    def fail(depth: int) -> None:
        if depth:
            fail(depth - 1)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError) as caught:
        fail(300)
    text = logs.bounded_traceback(caught.value)
    assert len(text) <= logs.TRACEBACK_LIMIT
    assert text.endswith("RuntimeError: no")


def test_ordinary_values_look_as_before(capfd: pytest.CaptureFixture[str]):
    event = {"event": "image done", "n": 3, "ok": True, "none": None, "names": ["a", "b"], "path": "é b.jpg"}
    assert logs._printable(None, "info", dict(event)) == event


def test_a_name_is_written_in_every_locale():
    script = "from filterfleet.common.process.command import guarded; guarded(lambda: print('a\\udcff\\u4e2d\\ud800'))"
    locale = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    said = subprocess.run([sys.executable, "-c", script], env=locale, capture_output=True, check=True, timeout=60)
    assert said.stdout == b"a\xff\\u4e2d\\ud800\n"
