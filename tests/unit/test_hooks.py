"""Webhooks and programs: what a user says, what receivers are told, and how often."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.common.wire import OutputFile
from filterfleet.listener.hooks.cursor import Cursor, read_cursor, write_cursor
from filterfleet.listener.hooks.event import batch_event, event_of
from filterfleet.listener.hooks.patience import GIVE_UP, LONGEST, TRIES, Answer, Patience, Told
from filterfleet.listener.hooks.signature import signature
from filterfleet.listener.ledger.endings import Done, Failed, Mark
from filterfleet.listener.settings.hooks import Kind, Program, Webhook, parse_hooks

ALL = "image.done,image.failed,batch.done"
RECIPE = "ab" * 8
SECRET = b"a secret of enough characters"
NOT_UTF8 = os.fsdecode(b"a\xff.jpg")


# --- what a user says ----


def test_what_a_user_says(tmp_path):
    secret, url = tmp_path / "secret", tmp_path / "url"
    secret.write_bytes(SECRET.replace(b" ", b"-") + b"\n")
    url.write_text("https://hooks.example.org/T0/B1\n")
    for file in (secret, url):
        file.chmod(0o600)
    found = parse_hooks([f"@{url}", "http://[::1]:8080/x?y"], secret, [f"{sys.executable} 'a b' $HOME"], " batch.done")
    first, second, third = found.receivers
    assert first == Webhook("https://hooks.example.org/T0/B1", SECRET.replace(b" ", b"-"))
    assert first.shown == "https://hooks.example.org/...", "the path is the secret of such an address"
    assert second.shown == "http://[::1]:8080/..."
    assert third == Program((sys.executable, "a b", "$HOME")), "no shell sees it"
    assert found.kinds == {Kind.BATCH}


@pytest.mark.parametrize(
    ("webhooks", "programs", "events", "sentence"),
    [
        (["ftp://x/"], [], ALL, "is no URL such as"),
        (["https://"], [], ALL, "is no URL such as"),
        (["https://x:99999/"], [], ALL, "is no URL such as"),
        (["https://x/\r\nHost: y"], [], ALL, "is no URL such as"),
        (["https://user:pass@x/"], [], ALL, "has a user in it"),
        (["@/nowhere/at-all"], [], ALL, "The address in /nowhere/at-all cannot be read: No such file"),
        (["https://x/", "https://x/"], [], ALL, "The hook https://x/... is there twice."),
        ([], ["no-such-program-anywhere"], ALL, "There is no program no-such-program-anywhere"),
        ([], ["'"], ALL, "cannot be split into words: No closing quotation."),
        ([], [" "], ALL, "is empty."),
        ([], [], "image.done,image.gone", "'image.gone' is no event for --hook-events: there are image.done"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(webhooks, programs, events, sentence):
    with pytest.raises(FleetError) as raised:
        parse_hooks(webhooks, None, programs, events)
    assert sentence in str(raised.value)
    assert "pass" not in str(raised.value)


# --- what receivers are told ----


def test_the_signature_is_that_of_the_documentation():
    body = b'{"event": "image.done"}'
    expected = hmac.new(SECRET, b"1700000000." + body, hashlib.sha256).hexdigest()
    assert signature(SECRET, 1700000000, body) == f"t=1700000000,v1={expected}"


def test_events_are_json_with_the_same_id_whenever_they_are_told():
    done = Done(1e9, NOT_UTF8, 5, 2.5, "ab" * 40, (OutputFile("o", "png", 3),), 4, 3, "cluster", "lab/1", {}, "")
    event = event_of(done, "/in", RECIPE)
    assert event == event_of(done, "/in", RECIPE)
    told = json.loads(event.body())
    assert told["event"] == "image.done"
    assert os.fsencode(told["path"]) == b"a\xff.jpg"
    assert told["sha256"] == "ab" * 32
    assert told["outputs"] == [{"name": "o", "path": f"o/{told['path']}.png", "format": "png", "bytes": 3}]
    assert (told["time"], told["modified"]) == ("2001-09-09T01:46:40.000Z", "1970-01-01T00:00:02.500Z")
    failed = json.loads(event_of(Failed(1e9, "a", 5, 2.5, "ab" * 40, "Why.", transient=True), "/in", RECIPE).body())
    assert (failed["event"], failed["reason"], failed["transient"]) == ("image.failed", "Why.", True)
    batch = json.loads(batch_event("/in", RECIPE, 1.0, 2.0, 7, 1).body())
    assert (batch["event"], batch["done"], batch["failed"]) == ("batch.done", 7, 1)
    assert len({told["id"], failed["id"], batch["id"]}) == 3


def test_patience_with_a_receiver_that_refuses_and_with_one_that_is_away():
    refused, away = Told(Answer.REFUSED), Told(Answer.AWAY)
    patience = Patience(0.0)
    assert [patience.pause(refused, 0.0) for _ in range(TRIES)] == [1.0, 2.0, 4.0, 8.0, None]
    patience = Patience(0.0)
    assert [patience.pause(away, 0.0) for _ in range(3 * TRIES)][-1] == LONGEST
    assert patience.pause(away, GIVE_UP) is None
    assert Patience(0.0).pause(Told(Answer.AWAY, wait=7.0), 0.0) == 7.0
    assert Patience(0.0).pause(Told(Answer.AWAY, wait=1e9), 0.0) == LONGEST
    assert Patience(0.0).pause(Told(Answer.GONE), 0.0) is None


def test_a_mark_survives_and_a_clock_that_is_set_back_hides_nothing(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        cursor = Cursor(Mark(5.0, NOT_UTF8), Mark(3.0), 1.0, 2.0, 3, 4)
        write_cursor(folder, "mark", cursor)
        assert read_cursor(folder, "mark") == cursor
        (tmp_path / "mark").write_text('{"done": 1}')
        assert read_cursor(folder, "mark") is read_cursor(folder, "none") is None
    finally:
        os.close(folder)
    assert cursor.not_beyond(9.0) == cursor
    assert cursor.not_beyond(4.0).done == Mark(4.0)
