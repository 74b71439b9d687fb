"""How a fleet stands, for people: what `status` and `health` print. Nothing here asks anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from filterfleet.common.client.asking import Answer
from filterfleet.common.text import one_line, printable
from filterfleet.common.words import Counts, duration, moment, of_broker, time_left
from filterfleet.listener.present import Known
from filterfleet.listener.starting import Start

Row = Sequence[object]

_WORKERS = ("worker", "version", "threads", "tasks/slots", "doing", "key", "address", "here for", "last seen")
_GONE = ("gone in the last hour", "version", "how", "key", "address", "when")


def broker_words(report: Mapping[str, Any]) -> str:
    """What a broker does, in its own words. Its report has been checked to be of plain values only."""
    counters, workers = _map(report.get("counters")), _rows(report.get("workers"))
    counts = Counts(_int(report.get("waiting")), _int(counters.get("results")), _int(counters.get("dead_lettered")))
    threads = sum(_int(worker.get("threads")) for worker in workers)
    running, clients = _int(report.get("running")), _int(report.get("clients"))
    return of_broker(len(workers), threads, clients, counts, running, waits_of(report), _sentences(report, "versions"))


def waits_of(report: Mapping[str, Any]) -> list[str]:
    """What waiting work waits for, in words."""
    return _sentences(report, "waits")


def _sentences(report: Mapping[str, Any], name: str) -> list[str]:
    found = report.get(name)
    return [str(sentence) for sentence in found] if isinstance(found, list) else []


def broker_lines(answer: Answer) -> list[str]:
    """A broker, its workers, and those that are gone."""
    if answer.report is None:
        return [f"Broker {answer.broker}: {one_line(answer.problem)}"]
    report = answer.report
    lines = [f"Broker {answer.broker}, up for {duration(report.get('uptime'))}: {broker_words(report)}"]
    if workers := _rows(report.get("workers")):
        lines += ["", *table(_WORKERS, map(_worker_row, workers))]
    if gone := _rows(report.get("gone")):
        lines += ["", *table(_GONE, map(_gone_row, gone))]
    return lines


def listener_lines(known: Known) -> list[str]:
    present = known.present
    state = present.says if known.runs else f"not running; it ended with {present.says}"
    rate = f"{present.per_minute:g} images a minute"
    left = time_left(present.counts, present.per_minute)
    speed = [f"  {rate}{f', about {left} left' if left else ''}"] if known.runs else []
    where = f"  {printable(present.source)} -> {printable(present.output)}"
    return [f"Listener {printable(present.listener)}: {one_line(state)}", where, *speed]


def starting_lines(start: Start) -> list[str]:
    """Of a listener whose loop does not run yet."""
    where = f"  {printable(start.source)} -> {printable(start.output)}"
    return [
        f"Listener {printable(start.listener)}, starting since {moment(start.began_at)}: {one_line(start.says)}",
        where,
    ]


def table(heads: Row, rows: Iterable[Row]) -> list[str]:
    """Columns of text, without those that are empty in all rows."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    used = [n for n in range(len(heads)) if any(row[n] for row in cells)]
    lines = [[str(heads[n]) for n in used], *([row[n] for n in used] for row in cells)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _worker_row(worker: Mapping[str, Any]) -> Row:
    doing = "leaving" if worker.get("draining") else "working" if worker.get("leases") else "idle"
    return (
        worker.get("host", "?"),
        worker.get("version", ""),
        worker.get("threads", "?"),
        f"{worker.get('leases', '?')}/{worker.get('slots', '?')}",
        doing,
        worker.get("name", ""),
        worker.get("address", ""),
        duration(worker.get("since")) if "since" in worker else "",
        f"{duration(worker.get('heard'))} ago" if "heard" in worker else "",
    )


def _gone_row(gone: Mapping[str, Any]) -> Row:
    host = gone.get("host") or "(unknown)"
    ago = f"{duration(gone.get('ago'))} ago"
    return host, gone.get("version", ""), gone.get("how", ""), gone.get("name", ""), gone.get("address", ""), ago


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
