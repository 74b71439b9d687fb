"""Every setting of a listener, from a command line to the process that uses it, whichever way that was started."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from pathlib import Path

import pytest

import filterfleet.commands.up as up_module
import filterfleet.listener.cli as cli_module
from filterfleet.app import app
from filterfleet.common.errors import FleetError
from filterfleet.common.process.command import guarded
from filterfleet.fleet import Fleet
from filterfleet.listener import handover
from filterfleet.listener.core.settings import Backfill, Failures
from filterfleet.listener.daemon import Ending
from filterfleet.listener.settings.listener_options import ListenerOptions

GIVEN = {
    "source": "-in",
    "output": "s3:out",
    "recipe": "sketch",
    "broker": "192.0.2.10",
    "frontend_port": 1234,
    "keys": Path("-keys"),
    "allow_group_read": True,
    "state": Path("-state"),
    "share": ["lab=/nfs/lab", "cards=/media:ro"],
    "once": True,
    "settle": 2.5,
    "interval": 3.5,
    "transfers": 5,
    "include": ["-*.png", "!drafts/"],
    "exclude": ["a b"],
    "no_default_excludes": True,
    "sniff": True,
    "follow_links": True,
    "max_size": 50 << 20,
    "backfill": Backfill.NEWEST,
    "after": "move:done",
    "failed": Failures.OFF,
    "sidecar": True,
    "hints": "127.0.0.1:8900",
    "hints_token": Path("-token"),
    "metrics": "9464",
    "webhook": ["https://example.org/a", "@-url"],
    "webhook_secret_file": Path("-secret"),
    "exec_hook": ["notify 'a b'"],
    "hook_events": "batch.done",
    "heal": True,
    "previews": True,
    "keep_days": 7.5,
    "rclone_config": Path("rclone.conf"),
    "bandwidth": "10M",
    "spool_limit": 2 << 30,
}
OPTIONS = ListenerOptions(**GIVEN)


def argv(without: frozenset[str] = frozenset()) -> list[str]:
    """OPTIONS as a user writes them."""
    words = []
    for name, value in GIVEN.items():
        if name not in without:
            option = f"--{name.replace('_', '-')}"
            each = value if isinstance(value, list) else [value]
            words += [option] if value is True else [f"{option}={one}" for one in each]
    return words


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        guarded(lambda: app(list(arguments)))
    return int(ended.value.code or 0)


def test_this_test_knows_every_setting():
    assert [field.name for field in dataclasses.fields(ListenerOptions)] == list(GIVEN)
    defaults = ListenerOptions(source="a", output="b")
    assert all(getattr(defaults, name) != value for name, value in GIVEN.items())


def test_listener_takes_every_setting(monkeypatch):
    seen = []
    monkeypatch.setattr(cli_module, "run_listener", lambda options, *_: seen.append(options) or Ending([], {}))
    assert run("listener", *argv()) == 0
    assert seen == [OPTIONS]


def test_up_takes_every_setting_but_the_broker(monkeypatch):
    seen = []

    class FakeFleet:
        def __init__(self, options: ListenerOptions, **_: object) -> None:
            seen.append(options)

        def run_once(self) -> int:
            return 0

        def report(self, code: int) -> None:
            pass

    monkeypatch.setattr(up_module, "Fleet", FakeFleet)
    assert run("up", *argv(without=frozenset({"broker", "previews"}))) == 0
    assert seen == [dataclasses.replace(OPTIONS, broker="127.0.0.1", previews=False)]
    assert run("up", *argv()) == 2


def test_a_fleet_hands_every_setting_to_its_listener(tmp_path, monkeypatch):
    (tmp_path / "-in").mkdir()
    fleet = Fleet(OPTIONS, workers=1, threads=1, memory=1 << 30, backend_port=1235, brokers=2)
    fleet.ledger.close()
    seen = []
    monkeypatch.setattr("filterfleet.fleet.supervise", lambda specs, **_: seen.append(specs[-1]))
    served = []
    monkeypatch.setattr("filterfleet.fleet.serving", lambda where, _: served.append(where) or nullcontext())
    fleet.run_until_stopped()
    assert served == [OPTIONS.metrics], "one page for all processes"
    (spec,) = seen
    assert spec.name == "listener"
    assert spec.arguments[-2:] == [f"--source={tmp_path / '-in'}", "--output=s3:out"]
    monkeypatch.setenv(handover.VARIABLE, spec.environment[handover.VARIABLE])
    assert handover.take() == dataclasses.replace(
        OPTIONS,
        source=str(tmp_path / "-in"),
        broker="127.0.0.1,127.0.0.2",
        state=tmp_path / "-state",
        once=False,
        metrics=None,
    )


def test_the_options_are_taken_once(monkeypatch):
    """The processes that a listener starts do not get them."""
    for name, value in handover.environment(OPTIONS).items():
        monkeypatch.setenv(name, value)
    assert handover.take() == OPTIONS
    with pytest.raises(FleetError, match="`filterfleet up` starts this process"):
        handover.take()


def test_options_that_no_process_can_be_started_with_are_one_sentence():
    long = dataclasses.replace(OPTIONS, exclude=["x" * 1000] * 200)
    with pytest.raises(FleetError, match="The options are too long together"):
        handover.environment(long)
