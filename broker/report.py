"""The state of the broker and its fleet, for people and monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from filterfleet.broker.books import Books
from filterfleet.broker.scheduler import Scheduler
from filterfleet.broker.state import Worker


@dataclass(frozen=True, slots=True)
class WorkerReport:
    host: str
    version: str
    threads: int
    slots: int
    leases: int
    draining: bool

    def as_map(self) -> dict[str, object]:
        return {
            "host": self.host,
            "version": self.version,
            "threads": self.threads,
            "slots": self.slots,
            "leases": self.leases,
            "draining": self.draining,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """`tasks` counts everything that the broker holds, `waiting` the tasks without a worker, `running` the leases. The
    byte counts are those of the caps with the same names (settings.py)."""

    life: str
    tasks: int
    waiting: int
    running: int
    held_bytes: int
    result_bytes: int
    clients: int
    counters: Mapping[str, int]
    workers: tuple[WorkerReport, ...]

    def as_map(self) -> dict[str, object]:
        """As STATUS carries it: plain maps, lists, strings and numbers. The keys are part of the wire."""
        return {
            "life": self.life,
            "tasks": self.tasks,
            "waiting": self.waiting,
            "running": self.running,
            "held_bytes": self.held_bytes,
            "result_bytes": self.result_bytes,
            "clients": self.clients,
            "counters": dict(self.counters),
            "workers": [worker.as_map() for worker in self.workers],
        }


def report_of(life: bytes, books: Books, scheduler: Scheduler, counters: Mapping[str, int]) -> Report:
    return Report(
        life=life.hex(),
        tasks=books.tasks,
        waiting=scheduler.waiting,
        running=len(scheduler.leases),
        held_bytes=books.held_bytes,
        result_bytes=books.result_bytes,
        clients=len(books.clients),
        counters=dict(counters),
        workers=tuple(map(_worker_report, scheduler.workers.values())),
    )


def _worker_report(worker: Worker) -> WorkerReport:
    host = "(basic peer)" if worker.basic else worker.host
    return WorkerReport(host, worker.version, worker.threads, worker.slots, len(worker.leases), worker.draining)
