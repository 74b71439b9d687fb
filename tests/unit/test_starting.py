"""A listener whose loop does not run yet says what it does or waits for."""

from __future__ import annotations

import os

from filterfleet.listener.present import PRESENT
from filterfleet.listener.starting import Starting, starting

WAITS = "Waiting: the remote cloud: cannot be reached"


def said(state):
    return [start.says for start in starting(state)]


def test_it_says_so_until_it_is_over(tmp_path):
    with Starting(tmp_path, "/photos", "/out") as first:
        assert said(tmp_path) == []
        first.say(f"{WAITS}, {'again ' * 20}")
        first.say(WAITS)
        (start,) = starting(tmp_path)
        assert (start.source, start.output, start.says) == ("/photos", "/out", WAITS)
        assert start.listener.endswith(f"/{os.getpid()}")
        first.over()
        assert said(tmp_path) == []
    assert list((tmp_path / PRESENT).iterdir()) == []


def test_what_one_has_said_that_was_killed_does_not_count(tmp_path):
    killed = Starting(tmp_path, "/photos", "/out")
    killed.say(WAITS)
    os.close(killed._descriptor)  # as the kernel does
    assert said(tmp_path) == []
    with Starting(tmp_path, "/photos", "/out") as other:
        other.say("Opening the ledger")
        assert said(tmp_path) == ["Opening the ledger"]


def test_two_at_once_do_not_write_over_each_other(tmp_path):
    with Starting(tmp_path, "/photos", "/out") as first, Starting(tmp_path, "/photos", "/elsewhere") as second:
        first.say("Opening the ledger")
        second.say(WAITS)
        assert said(tmp_path) == ["Opening the ledger"]


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path):
    (tmp_path / PRESENT).write_text("")
    with Starting(tmp_path, "/photos", "/out") as one:
        one.say(WAITS)
    assert said(tmp_path) == []
