"""The state of the broker and its fleet as metrics. docs/metrics.md explains each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from filterfleet.broker.report import Report, WorkerReport
from filterfleet.common.metrics.families import Family, counter, gauge
from filterfleet.common.text import printable

# Counters of the report that have a name of their own. All others are events, which should not happen.
_COUNTERS = {
    "submitted": ("tasks_submitted_total", "Tasks that clients have submitted."),
    "results": ("results_total", "Results that workers have delivered."),
    "failures": ("failures_total", "Tasks that have failed at a worker and would fail anywhere."),
    "dead_lettered": ("dead_lettered_total", "Tasks that were given up because they failed or killed too often."),
    "refused": (
        "tasks_refused_total",
        "Tasks that a full broker has refused; clients submit them again.",
    ),
    "refused_bytes": ("refused_bytes_total", "Bytes of the images of refused tasks."),
    "workers_lost": ("workers_lost_total", "Workers that have died: they were gone, and their process did not return."),
    "workers_disconnected": ("workers_disconnected_total", "Workers that were gone without taking leave."),
    "workers_left": ("workers_left_total", "Workers that have taken leave."),
}


def broker_families(report: Report, connections: int) -> list[Family]:
    """connections: those that are open, with peers that have said nothing yet."""
    workers = report.workers
    rest = {name: float(count) for name, count in report.counters.items() if name not in _COUNTERS}
    return [
        _gauge("tasks", "Tasks that the broker holds, with those whose outcome is being delivered.", report.tasks),
        _gauge("tasks_waiting", "Tasks that wait for a worker.", report.waiting),
        _gauge("leases", "Tasks that workers have at the moment.", report.running),
        _gauge("held_bytes", "Bytes of tasks in memory.", report.held_bytes),
        _gauge("result_bytes", "Bytes of results in memory.", report.result_bytes),
        _gauge("clients", "Clients that are connected.", report.clients),
        _gauge("connections", "Open connections, of peers of every kind.", connections),
        _gauge("workers", "Workers that are present.", len(workers)),
        _gauge("workers_draining", "Workers that finish what they have, and then leave.", _draining(workers)),
        _by_worker("worker_threads", "Threads of a worker.", workers, lambda worker: worker.threads),
        _by_worker("worker_slots", "Tasks that a worker asks for.", workers, lambda worker: worker.slots),
        _by_worker("worker_leases", "Tasks that a worker has.", workers, lambda worker: worker.leases),
        *(
            counter(f"filterfleet_broker_{name}", text, float(report.counters.get(key, 0)))
            for key, (name, text) in _COUNTERS.items()
        ),
        counter("filterfleet_broker_events_total", "What should not happen, by kind.", rest, "event"),
    ]


def _gauge(name: str, text: str, number: float) -> Family:
    return gauge(f"filterfleet_broker_{name}", text, float(number))


def _draining(workers: Sequence[WorkerReport]) -> int:
    return sum(worker.draining for worker in workers)


def _by_worker(name: str, text: str, workers: Sequence[WorkerReport], number: Callable[[WorkerReport], int]) -> Family:
    """Workers that call themselves the same, as those of other people's programs do, count together."""
    sums: Counter[str] = Counter()
    for worker in workers:
        sums[printable(worker.host)] += number(worker)
    return gauge(f"filterfleet_broker_{name}", text, dict(sums), "worker")
