"""The same words for a state everywhere, and the lines of a log that follow from changes."""

from __future__ import annotations

from filterfleet.common import words
from filterfleet.common.contacts import PATIENCE as ANSWER_PATIENCE
from filterfleet.common.contacts import ContactLog
from filterfleet.common.waiting import PATIENCE, WaitLog
from filterfleet.common.words import SILENT, Contact, Counts

AT = 1_795_837_875.0
CONNECTED = Contact("lab:5555", True, AT)
CUT_OFF = Contact("lab:5555", False, AT, SILENT)
COUNTS = Counts(12, 340, 2)


def test_a_listener_says_all_that_it_does():
    waits = [words.of_place("output", "trip/a.jpg: No space left on device."), words.no_filter({"sepia"})]
    assert words.of_listener(CONNECTED, COUNTS, waits) == (
        "12 pending, 340 done, 2 failed. Connected to the broker at lab:5555 since 2026-11-28 03:51:15Z. "
        "Waiting: output cannot be written: no space left on device. Waiting: no worker has the filter `sepia`"
    )
    assert words.of_listener(CUT_OFF, COUNTS, [], paused=True) == (
        "12 pending, 340 done, 2 failed. Cut off from the broker at lab:5555 since 2026-11-28 03:51:15Z: "
        "it does not answer. Paused"
    )


def test_a_worker_and_a_broker_say_it_in_numbers():
    said = words.of_worker([CONNECTED], 1, 4, 17, 1, draining=True)
    assert said.startswith("Finishing what it has begun. 1 of 4 threads busy, 17 done, 1 failed. Connected to")
    assert words.of_broker(1, 4, 2, COUNTS, 3, ["no worker at all"]) == (
        "12 waiting, 3 running, 340 done, 2 failed. 1 worker with 4 threads, 2 clients. Waiting: no worker at all"
    )
    assert words.of_processes([("worker-1", "idle")]) == "idle"
    assert words.of_processes([("worker-1", "idle"), ("worker-2", "busy")]) == "worker-1: idle; worker-2: busy"


def test_what_work_waits_for():
    assert words.no_worker_for({"canny"}, (), 0) == "no worker at all"
    assert words.no_worker_for({"canny", "sepia", "far"}, ("canny",), 2) == "no worker has the filters `far`, `sepia`"
    assert words.no_worker_for({"canny"}, ("canny",), 2) == ""


def test_durations_and_the_time_that_is_left():
    shown = [words.duration(seconds) for seconds in (0.4, 59, 60, 3599, 3600, 90_000, None)]
    assert shown == ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "1 d 1 h", "?"]
    assert words.time_left(COUNTS, 6.0) == "2 min 0 s"
    assert words.time_left(COUNTS, 0.0) == words.time_left(Counts(0, 1, 0), 6.0) == ""


# --- what the log says ----


def events(lines):
    return [(line.level, line.event) for line in lines]


def test_a_connection_is_told_when_it_comes_goes_and_comes_back():
    log = ContactLog(CUT_OFF)
    assert events(log.look(CONNECTED, AT)) == [("info", "broker connected")]
    assert log.look(CONNECTED, AT + 1) == []
    (lost,) = log.look(CUT_OFF._replace(since=AT + 10), AT + 10)
    assert (lost.level, lost.event, lost.fields["reason"]) == ("warning", "broker lost", SILENT)
    assert log.look(CUT_OFF._replace(since=AT + 10), AT + 60) == []
    (regained,) = log.look(CONNECTED._replace(since=AT + 22.5), AT + 22.5)
    assert (regained.event, regained.fields["cut_off"]) == ("broker regained", 12.5)


def test_a_broker_that_never_answers_is_told_once():
    log = ContactLog(CUT_OFF)
    assert log.look(CUT_OFF, AT + ANSWER_PATIENCE - 0.1) == []
    refused = CUT_OFF._replace(reason="The key is not listed.")
    (line,) = log.look(refused, AT + ANSWER_PATIENCE)
    assert (line.event, line.fields["reason"]) == ("broker does not answer", "The key is not listed.")
    assert log.look(refused, AT + 100) == []
    assert events(log.look(CONNECTED._replace(since=AT + 101), AT + 101)) == [("info", "broker connected")]


def test_a_loss_between_two_looks_is_told():
    log = ContactLog(CUT_OFF)
    log.look(CONNECTED, AT)
    assert events(log.look(CONNECTED._replace(since=AT + 5), AT + 5)) == [
        ("warning", "broker lost"),
        ("info", "broker regained"),
    ]


def test_waiting_is_told_when_it_lasts_and_when_it_is_over():
    log = WaitLog()
    assert log.look([words.NOBODY], 3, 0.0) == []
    assert log.look([], 3, PATIENCE / 2) == []  # that was but a moment
    log.look([words.NOBODY], 3, 10.0)
    (waits,) = log.look([words.NOBODY], 3, 10.0 + PATIENCE)
    assert (waits.level, waits.event, waits.fields) == ("warning", "work waits", {"reason": words.NOBODY, "pending": 3})
    assert log.lasting == [words.NOBODY]
    assert log.look([words.NOBODY], 3, 60.0) == []
    (goes_on,) = log.look([], 3, 70.0)
    assert (goes_on.level, goes_on.event, goes_on.fields["seconds"]) == ("info", "work goes on", 60.0)
    assert log.lasting == []
