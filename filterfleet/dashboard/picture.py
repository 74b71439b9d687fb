"""The fleet as the page shows it at one instant: plain values for JSON, made from ledger, broker and listener."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from filterfleet.common.process.system import VERSION
from filterfleet.dashboard.broker import Sight
from filterfleet.dashboard.rates import Rates, seconds_left
from filterfleet.dashboard.settings import GONE


@dataclass(frozen=True, slots=True)
class Ledgered:
    """What the ledger says. counts: objects by state. left_alone: files that are no images to us. paused: since when
    the listener takes nothing new. newest: when the last image came to each state. paths: of the jobs that run, by the
    beginnings of their ids in hexadecimal."""

    counts: Mapping[str, int]
    left_alone: int
    paused: float | None
    rates: Rates
    sources: Sequence[str]
    newest: Mapping[str, float | None]
    paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listening:
    """running: a listener serves the ledger. paused: since when it was told to take nothing new. waits: what it waits
    for, in words. cut_off: why it has no broker, and since when; None while it has one. output: where results are."""

    running: bool = False
    paused: float | None = None
    waits: tuple[str, ...] = ()
    cut_off: tuple[str, float] | None = None
    output: str = ""


def picture(
    now: float,
    ledger: Ledgered | None,
    trouble: str | None,
    listener: Listening,
    sight: Sight,
    place: Mapping[str, Any],
) -> dict[str, Any]:
    """trouble: why there is nothing of the ledger. place: what never changes."""
    return {
        "at": now,
        "version": VERSION,
        **place,
        "trouble": trouble,
        "ledger": None if ledger is None else _ledger(ledger),
        "output": place["output"] or listener.output,
        "listener": _listener(listener),
        "broker": _broker(sight),
        "workers": [*_present(sight.report or {}, ledger), *_gone(sight)],
    }


def _ledger(ledger: Ledgered) -> dict[str, Any]:
    rate = ledger.rates.total
    return {
        "counts": dict(ledger.counts),
        "rate": round(rate, 1),
        "left": seconds_left(ledger.counts.get("pending", 0), rate),
        "sources": list(ledger.sources),
        "left_alone": ledger.left_alone,
        "newest": dict(ledger.newest),
    }


def _listener(listener: Listening) -> dict[str, Any]:
    cut_off = None if listener.cut_off is None else dict(zip(("reason", "since"), listener.cut_off, strict=True))
    waits = list(listener.waits)
    return {"running": listener.running, "paused": listener.paused, "waits": waits, "cut_off": cut_off}


def _broker(sight: Sight) -> dict[str, Any]:
    report = sight.report or {}
    return {
        "answers": sight.answers,
        "asked": sight.report is not None or sight.silent_since is not None,
        "heard_at": sight.heard_at,
        "silent_since": sight.silent_since,
        "refusal": sight.refusal,
        "waits": list(report.get("waits", ())),
        "versions": list(report.get("versions", ())),
        **{name: report.get(name) for name in ("uptime", "waiting", "running", "tasks", "clients")},
    }


def _present(report: Mapping[str, Any], ledger: Ledgered | None) -> list[dict[str, Any]]:
    """The workers that the broker has, and the oldest jobs that each of them holds."""
    held: dict[int, list[dict[str, Any]]] = {}
    for lease in report.get("leases", ()):
        path = "" if ledger is None else ledger.paths.get(lease["job"], "")
        job = {"id": lease["job"], "path": path, "seconds": lease["seconds"], "begun": lease["begun"]}
        held.setdefault(lease["worker"], []).append(job)
    rates = {} if ledger is None else ledger.rates.workers
    rows = [
        _worker(worker)
        | {"jobs": _in_order(held.get(n, []), worker.get("threads") or 0), "rate": rates.get(worker["host"], 0.0)}
        for n, worker in enumerate(report.get("workers", ()))
    ]
    return sorted(rows, key=lambda row: (row["host"], row["pid"]))


def _in_order(jobs: list[dict[str, Any]], threads: int) -> list[dict[str, Any]]:
    """The jobs of a worker: those that it runs, then those that it has fetched ahead. It says once a second which ones
    it has begun; of the others, the oldest are those that its other threads have taken up meanwhile."""
    ordered = sorted(jobs, key=lambda job: (not job["begun"], -job["seconds"]))
    return [job | {"begun": job["begun"] or n < threads} for n, job in enumerate(ordered)]


def _gone(sight: Sight) -> list[dict[str, Any]]:
    """Those that have left in the last minutes, or were lost."""
    gone = (sight.report or {}).get("gone", ())
    heard = sight.heard_at or 0.0
    return [
        _worker(worker) | {"jobs": [], "rate": 0.0, "gone": heard - worker["ago"], "how": worker["how"]}
        for worker in gone
        if worker["ago"] < GONE
    ]


def _worker(worker: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the broker's report, which names a worker by its host and process: host/pid."""
    host, _, pid = str(worker.get("host", "")).partition("/")
    fields = ("version", "threads", "slots", "leases", "draining", "address", "name", "since")
    return {
        "key": f"{worker.get('host')} {worker.get('address')}",
        "host": host,
        "pid": pid,
        "gone": None,
        **{field: worker.get(field) for field in fields},
    }
