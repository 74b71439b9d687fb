"""Log lines: what strangers have a say in cannot control a terminal, forge a line or fill a disk."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from filterfleet.common import log_lines, logs

SCRIPT = """
import sys
import threading
from filterfleet.common import logs
from filterfleet.common.process.command import daemon, guarded

if "journal" in sys.argv:
    logs.is_journald = lambda _: True
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
    text = log_lines.bounded_traceback(caught.value)
    assert len(text) <= log_lines.TRACEBACK_LIMIT
    assert text.endswith("RuntimeError: no")


@pytest.mark.parametrize("way", ["plain", "terminal", "dumb terminal", "terminal without colours", "journal"])
def test_a_line_tells_the_event_and_its_fields(way: str):
    """The fields are in the order of their names; a value with a blank in it is quoted."""
    script = f"""
import sys
from filterfleet.common import logs
sys.stderr.isatty = lambda: {"terminal" in way}
logs.is_journald = lambda _: {way == "journal"}
logs.configure()
logs.get_logger("listener").warning("image done", ok=True, n=3, none=None, path="é b.jpg", names=["a"], one="x")
logs.get_logger("listener").debug("not shown")
"""
    wishes = {"TERM": "dumb" if "dumb" in way else "xterm", "NO_COLOR": "1" if "without" in way else ""}
    environment = os.environ | wishes
    command = [sys.executable, "-c", script]
    said = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment).stderr.decode()
    fields = "n=3 names=['a'] none=None ok=True one={x} path='é b.jpg' role={listener}\n"
    if way == "journal":
        assert said == "<4>image done " + fields.format(x="'x'", listener="'listener'")
        return
    assert ("\x1b[" in said) is (way == "terminal")
    time, rest = re.sub(r"\x1b\[\d+m", "", said).split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time)
    assert rest == "[warning  ] image done " + fields.format(x="x", listener="listener")


def test_a_program_that_has_configured_logging_gets_the_events_of_the_library():
    script = """
import logging
logging.basicConfig(format="%(name)s %(message)s")
from filterfleet.common import logs
logs.quiet_unless_configured()
logs.get_logger("client").warning("broker lost", host="a b")
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60).stderr
    assert said == b"filterfleet.client broker lost host='a b' role=client\n"


def test_a_log_on_a_full_disk_stops_nothing():
    script = "from filterfleet.common import logs; logs.configure(); logs.get_logger('x').error('e'); print('goes on')"
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
        said = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, timeout=60).stdout
    assert said == b"goes on\n"


def test_a_name_is_written_in_every_locale():
    script = "from filterfleet.common.process.command import guarded; guarded(lambda: print('a\\udcff\\u4e2d\\ud800'))"
    locale = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    said = subprocess.run([sys.executable, "-c", script], env=locale, capture_output=True, check=True, timeout=60)
    assert said.stdout == b"a\xff\\u4e2d\\ud800\n"


def said_in(environment: dict[str, str], script: str) -> str:
    text = "from filterfleet.common import logs\nlogs.configure()\nlog = logs.get_logger('worker')\n" + script
    return subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, **environment}, capture_output=True, check=True, timeout=60
    ).stderr.decode()


def test_a_line_of_json_has_its_fields_and_nothing_that_forges_another():
    said = said_in(
        {logs.FORMAT: "json"},
        "log.warning('image failed', path='a\\n\\x1b[31mb', none=None, worker='lab/1', many=('a', b'b'))",
    )
    (line,) = said.splitlines()
    row = json.loads(line)
    assert (row["level"], row["event"], row["role"]) == ("warning", "image failed", "worker")
    assert row["path"] == "a\\n\\x1b[31mb"
    assert row["none"] is None
    assert line.isascii()
    assert list(row)[:3] == ["time", "level", "event"]


def test_the_level_and_the_form_come_from_the_environment():
    script = "log.info('not shown')\nlog.error('shown', n=1)"
    assert said_in({logs.FORMAT: "journald", logs.LEVEL: "warning"}, script) == "<3>shown n=1 role='worker'\n"


def test_every_line_of_a_thread_says_what_it_is_about_and_only_a_line_costs_that():
    script = """
asked = []
with logs.about(job=lambda: asked.append(1) or 'abc'):
    log.debug('not shown')
    assert not asked
    log.info('shown')
log.info('another')
"""
    shown, another = said_in({}, script).splitlines()
    assert "shown job=abc role=worker" in shown
    assert "job" not in another


@pytest.mark.parametrize(("form", "expected"), [("journald", "<3>filterfleet: No."), ("text", "filterfleet: No.")])
def test_a_failure_to_start_is_an_error(form: str, expected: str):
    script = """
from filterfleet.common.errors import FleetError
from filterfleet.common.process.command import guarded
def fail():
    raise FleetError("No.")
guarded(fail)
"""
    environment = {**os.environ, logs.FORMAT: form}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr.decode()) == (2, f"{expected}\n")


def test_a_wrong_option_is_an_error_where_a_program_reads_the_log():
    script = "import sys; from filterfleet.app import run; sys.argv = ['filterfleet', 'worker', '--no-such']; run()"
    environment = {**os.environ, logs.FORMAT: "journald"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr.decode()) == (2, "<3>filterfleet: No such option: --no-such\n")
