"""What `status` prints of a report, whoever has written it."""

from __future__ import annotations

from filterfleet.common.client.asking import Answer
from filterfleet.standing import broker_lines, broker_words, table

WORKER = {
    "host": "lab/1\x1b[31m",
    "version": "1",
    "threads": 2,
    "slots": 6,
    "leases": 3,
    "draining": False,
    "name": "lab",
    "address": "10.0.0.2",
    "since": 3700.0,
    "heard": 0.4,
}
GONE = {"host": "lab/0", "version": "1", "name": "lab", "address": "", "how": "lost", "ago": 125.0}
REPORT = {
    "uptime": 7300.0,
    "waiting": 4,
    "running": 3,
    "clients": 1,
    "counters": {"results": 10, "dead_lettered": 1},
    "waits": ["no worker has the filter `sepia`"],
    "workers": [WORKER],
    "gone": [GONE],
}


def test_a_broker_its_workers_and_those_that_are_gone():
    lines = broker_lines(Answer("lab:5555", REPORT))
    assert lines[0] == (
        "Broker lab:5555, up for 2 h 1 min: 4 waiting, 3 running, 10 done, 1 failed. "
        "1 worker with 2 threads, 1 client. Waiting: no worker has the filter `sepia`"
    )
    assert " ".join(lines[3].split()) == "lab/1\\x1b[31m 1 2 3/6 working lab 10.0.0.2 1 h 1 min 0 s ago"
    assert " ".join(lines[6].split()) == "lab/0 1 lost lab 2 min 5 s ago"
    assert "address" not in lines[5], "nobody that is gone had one"


def test_an_older_broker_tells_less():
    older = {"waiting": 0, "workers": [{"host": "(basic peer)", "threads": 1, "slots": 1, "leases": 0}]}
    lines = broker_lines(Answer("lab:5555", older))
    assert "up for ?" in lines[0]
    assert lines[2].split() == ["worker", "threads", "tasks/slots", "doing"]


def test_a_report_that_makes_no_sense_is_shown_all_the_same():
    nonsense = {"workers": 7, "gone": [3], "counters": [], "waits": {"a": 1}, "waiting": "many", "uptime": "\x1b"}
    assert broker_words(nonsense) == "0 waiting, 0 running, 0 done, 0 failed. 0 workers with 0 threads, 0 clients"
    assert len(broker_lines(Answer("lab:5555", nonsense))) == 1


def test_why_there_is_no_report_is_one_line():
    assert broker_lines(Answer("lab:5555", None, "No.\nNothing.")) == ["Broker lab:5555: No. Nothing."]


def test_a_table_leaves_empty_columns_out():
    assert table(("a", "b"), [("x", ""), ("longer", "")]) == ["a", "x", "longer"]
