"""Metrics: plain values, the page that serves them, and how numbers get from a loop and from children to it."""

from __future__ import annotations

import http.client
import math
import os
import socket
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from filterfleet.broker.metrics import broker_families
from filterfleet.broker.report import Report, WorkerReport
from filterfleet.common.address import Address, parse_address
from filterfleet.common.errors import FleetError
from filterfleet.common.metrics import board as board_module
from filterfleet.common.metrics.board import Board
from filterfleet.common.metrics.children import FRESH, Children
from filterfleet.common.metrics.families import (
    LABEL_LIMIT,
    Family,
    Sample,
    counter,
    decoded,
    encoded,
    gauge,
    labelled,
    merged,
)
from filterfleet.common.metrics.histogram import Histogram
from filterfleet.common.metrics.processes import process_families
from filterfleet.common.metrics.serving import serving
from filterfleet.common.metrics.telling import WANTED
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.common.wire import Failed
from filterfleet.listener.ledger.histogram import BUCKETS, STAGES, bucket_of, histogram_of, packed
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.ledger.totals import OPEN, Running, Totals
from filterfleet.listener.past import Past, stage_sample
from filterfleet.worker.done import Done
from filterfleet.worker.memory import Memory
from filterfleet.worker.metrics import Tally, worker_families

WORKERS = (
    WorkerReport("lab/1", "1", threads=4, slots=6, leases=2, draining=False),
    WorkerReport("(basic peer)", "", threads=1, slots=1, leases=1, draining=False),
    WorkerReport("(basic peer)", "", threads=1, slots=1, leases=0, draining=True),
    WorkerReport("evil\x1b[2J\n" + "x" * 300, "", threads=1, slots=1, leases=0, draining=False),
)
REPORT = Report("ab", 3, 2, 3, 10, 20, 1, {"submitted": 7, "stale_result": 2}, WORKERS)


def get(port: int, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


def values(families: list[Family], name: str) -> dict[tuple[str, ...], float]:
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        if family.name == name
        for sample in family.samples
    }


# --- values ----


def test_a_histogram_counts_what_is_at_most_as_large_as_each_bound():
    histogram = Histogram((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 7.0):
        histogram.observe(seconds)
    assert histogram.sample({"stage": "a"}) == Sample({"stage": "a"}, 4, 10.0, ((1.0, 2.0), (2.0, 3.0)))


def test_families_with_one_name_become_one_and_no_labels_occur_twice():
    families = [gauge("a", "", {"x": 1.0}, "l"), gauge("b", "", 2.0), gauge("a", "", {"x": 3.0, "y": 4.0}, "l")]
    assert [(family.name, [sample.value for sample in family.samples]) for family in merged(families)] == [
        ("a", [1.0, 4.0]),
        ("b", [2.0]),
    ]


def test_numbers_survive_their_way_and_garbage_is_no_metrics():
    families = [counter("a_total", "What it is.", 2.0), Family("h", "histogram", "", [Histogram().sample()])]
    assert decoded(encoded(families)) == families
    assert decoded(b'[{"name":') == decoded(b'[{"name": 1}]') == decoded(b"\xff") == decoded(b"") == []


def test_the_brokers_numbers():
    families = broker_families(REPORT, connections=5)
    leases = values(families, "filterfleet_broker_worker_leases")
    assert leases["lab/1",] == 2
    assert leases["(basic peer)",] == 1, "workers with the same name count together"
    (hostile,) = leases.keys() - {("lab/1",), ("(basic peer)",)}
    assert hostile[0].isprintable()
    assert len(hostile[0]) == LABEL_LIMIT
    assert values(families, "filterfleet_broker_tasks_submitted_total") == {(): 7}
    assert values(families, "filterfleet_broker_workers_lost_total") == {(): 0}, "a counter is there from the beginning"
    assert values(families, "filterfleet_broker_events_total") == {("stale_result",): 2}
    assert values(families, "filterfleet_broker_workers_draining") == {(): 1}


def test_the_workers_numbers():
    tally, memory = Tally(), Memory(100)
    tally.count(Done((), (), {}), 0.2)
    tally.count(Failed(b"", "permanent", "It is no image."), 0.1)
    with memory.hold(30):
        families = worker_families(tally, 4, 1, memory, 2)
    images = values(families, "filterfleet_worker_images_total")
    assert images == {("done",): 1, ("permanent",): 1, ("transient",): 0}
    assert values(families, "filterfleet_worker_memory_held_bytes") == {(): 30}
    assert values(families, "filterfleet_worker_image_seconds") == {(): 1}


def test_what_the_system_knows_of_a_process():
    families = process_families({"me": os.getpid(), "gone": 2**22 + 1})
    memory = values(families, "filterfleet_process_resident_memory_bytes")
    assert memory.keys() == {("me",)}
    assert 1 << 20 < memory["me",] < 1 << 40
    assert values(families, "filterfleet_process_cpu_seconds_total")["me",] > 0


def test_totals_of_a_ledger_never_go_back_however_its_minutes_pass(tmp_path):
    file, now = tmp_path / "ledger.sqlite3", 1e9

    def record(minutes_ago: int, done: int) -> None:
        hist = packed(histogram_of([(None, 0.5, None, None, None, None)] * done))
        row = ("in", int(now / 60) - minutes_ago, "recipe", done, 1, 10 * done, hist)
        ledger._db.execute("INSERT OR REPLACE INTO minutes VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        ledger.commit()

    with closing(Ledger(file, "in", "recipe")) as ledger:
        record(5, 100)
        running = Running(file, "in", clock=lambda: now)
        assert running.read() == Totals(), "what was before it began"
        record(0, 2)
        assert (running.read().done, running.read().failed, running.read().bytes) == (2, 1, 20)
        now += OPEN * 60
        record(OPEN, 3)
        assert running.read().done == 3, "a transaction that took long"
        now += 3600
        record(0, 4)
        assert [running.read().done for _ in range(3)] == [7, 7, 7]
        (decode,) = (
            family for family in Past(file, "in").families() if family.name == "filterfleet_listener_stage_seconds"
        )
    assert [sample.labels["stage"] for sample in decode.samples] == list(STAGES)
    assert sum(running.read().cells["decode"]) == 7
    assert Past(tmp_path / "none", "in").families() == []


def test_the_buckets_of_a_stage():
    cells = [0] * BUCKETS
    for seconds, count in ((0.0005, 1), (0.5, 10), (500.0, 2)):
        cells[bucket_of(seconds)] += count
    sample = stage_sample("decode", cells)
    assert sample.value == 13
    below = dict(sample.buckets)
    assert below[0.001] == 1
    assert (
        max(bound for bound, count in below.items() if count == 1) < 0.5 < min(b for b, c in below.items() if c == 11)
    )
    assert list(below) == sorted(below)
    assert abs(stage_sample("decode", [*cells[:-1], 0]).total - 5.0) < 0.3


# --- out of a loop, and out of children ----


def test_a_loop_answers_in_its_next_turn_and_only_when_asked():
    board, looks, ended = Board(), [], threading.Event()

    def look() -> list[Family]:
        looks.append(1)
        return [gauge("a", "", float(len(looks)))]

    def loop() -> None:
        while not ended.wait(0.001):
            board.answer(look)

    board.answer(look)
    assert not looks
    thread = threading.Thread(target=loop)
    thread.start()
    try:
        assert [board.ask()[0].samples[0].value for _ in range(3)] == [1.0, 2.0, 3.0]
    finally:
        ended.set()
        thread.join()


def test_only_children_that_run_and_have_told_lately_have_numbers():
    now = time.monotonic()
    me = SimpleNamespace(pid=os.getpid())

    def child(name: str, process: object, told: float) -> SimpleNamespace:
        numbers = encoded([gauge("jobs", "", 1.0)])
        environment = {} if name == "page" else {WANTED: "1"}
        spec = SimpleNamespace(name=name, environment=environment)
        return SimpleNamespace(spec=spec, process=process, numbers=numbers if environment else b"", told=told)

    children = Children(lambda name: name.startswith("worker-"))
    all_of_them = [child("worker-1", me, now), child("worker-2", None, now), child("worker-3", me, now - FRESH - 1)]
    all_of_them.append(child("page", me, 0.0))
    assert children.look(SimpleNamespace(children=all_of_them)) is False
    families = children.families()
    assert values(families, "jobs") == {("worker-1",): 1}
    assert values(families, "filterfleet_process_responding") == {("worker-1",): 1, ("worker-3",): 0}
    assert ("page",) in values(families, "filterfleet_process_threads"), "one that tells nothing is still a process"


# --- the page ----


def test_the_page_is_what_prometheus_reads_in_both_of_its_formats():
    port = free_ports()[0]
    families = [
        *labelled(broker_families(REPORT, 5), process="a"),
        *worker_families(Tally(), 1, 0, Memory(1), 1),
        Family("h_seconds", "histogram", "", [Histogram((1.0,)).sample()]),
    ]
    with serving(str(port), lambda: lambda: families):
        status, text = get(port)
        assert status == 200
        found = {metric.name: metric for metric in parse_text(text)}
        _, open_text = get(port, Accept="application/openmetrics-text; version=1.0.0")
        assert {metric.name for metric in parse_openmetrics(open_text)} == found.keys()
        assert get(port, "/")[0] == 200
        assert get(port, Host="rebound.example.org")[0] == 403, "a web page must not read it by a name of its own"
        assert get(port, Host=f"localhost:{port}")[0] == 200
        assert get(port, "/favicon.ico")[0] == 404
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), 5)
    bounds = [sample.labels.get("le") for sample in found["h_seconds"].samples]
    assert bounds[:2] == ["1.0", "+Inf"]
    for family in families:
        assert family.kind != "counter" or family.name.endswith("_total"), family.name
        assert all(math.isfinite(sample.value) for sample in family.samples)


def test_a_loop_that_hangs_is_a_target_that_is_down(monkeypatch):
    monkeypatch.setattr(board_module, "PATIENCE", 0.05)
    port = free_ports()[0]
    with serving(f"localhost:{port}", lambda: Board().ask):
        assert get(port) == (503, "The daemon does not answer.\n")


def test_a_port_that_is_taken_is_said_in_a_sentence():
    port = free_ports()[0]
    sentence = (
        f"Metrics cannot be served at {LOOPBACK}:{port}: Address already in use. Choose another port with --metrics."
    )
    with (
        socket.create_server((LOOPBACK, port)),
        pytest.raises(FleetError, match=f"^{sentence}$"),
        serving(str(port), lambda: list),
    ):
        pass


@pytest.mark.parametrize("text", ["", "x", "localhost:", ":80", "h:0", "h:65536", "70000", "1.5"])
def test_what_is_no_address_is_said_in_a_sentence(text):
    with (
        pytest.raises(FleetError, match=r"HOST:PORT for --metrics, such as 127\.0\.0\.1:9464\.$"),
        serving(text, lambda: list),
    ):
        pass


def test_an_address():
    assert parse_address("[::1]:80", "--x", "") == Address("::1", 80)
    assert str(Address("::1", 80)) == "[::1]:80"
    assert not Address("0.0.0.0", 80).is_loopback
