"""Engines by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import Engine, EngineName
from filterfleet.common.process.loading import loading
from filterfleet.common.process.system import cores
from filterfleet.common.shares.names import parse_shares


def open_engine(
    name: EngineName,
    *,
    workers: int | None,
    threads: int | None,
    memory: int | None,
    broker: str,
    frontend_port: int,
    scheduler: str | None,
    insecure: bool = False,
    sandbox: bool = True,
    keys: Path | None = None,
    shares: Sequence[str] = (),
) -> Engine:
    """The engine, ready for jobs. memory is in bytes; shares are as --share takes them.

    Raises FleetError when the engine cannot be used, or when it does not take an option that was given.
    """
    _check_options(name, workers, threads, memory, scheduler, keys, shares)
    if not sandbox and name is not EngineName.PROCESSES:
        raise FleetError(f"--no-sandbox is not for the engine {name}, but for processes: no other has a sandbox.")
    if insecure and scheduler is None:
        raise FleetError("--insecure is only for a Dask scheduler elsewhere, which --scheduler names.")
    if name is EngineName.CLUSTER:
        return _cluster(broker, frontend_port, keys)
    if name is EngineName.PROCESSES:
        # The machinery of processes, which the other engines do without.
        from filterfleet.worker.engines.processes import ProcessesEngine

        return ProcessesEngine(workers or cores(), threads or 1, memory, sandbox=sandbox)
    folders = [*parse_shares(shares).values()]
    # These need OpenCV in this process, and the last two a package that is optional.
    with loading():
        from filterfleet.worker.engines.local import SequentialEngine, ThreadsEngine

    match name:
        case EngineName.SEQUENTIAL:
            return SequentialEngine(memory)
        case EngineName.THREADS:
            return ThreadsEngine(threads or cores(), memory)
        case EngineName.MPI:
            from filterfleet.worker.engines.mpi import MpiEngine

            return MpiEngine(folders)
        case EngineName.DASK:
            from filterfleet.worker.engines.dask import DaskEngine

            return DaskEngine(scheduler, workers or cores(), threads or 1, insecure=insecure, shares=folders)


def _cluster(broker: str, frontend_port: int, keys: Path | None) -> Engine:
    """A client of a running broker. Raises FleetError when none answers."""
    # ZeroMQ, which the other engines do without.
    from filterfleet.common.client.brokers import check_brokers
    from filterfleet.common.client.client import Client, require_broker

    check_brokers(broker)
    client = Client(broker, frontend_port, keys)
    try:
        require_broker(client, broker, frontend_port)
    except FleetError:
        client.close()
        raise
    return client


def _check_options(
    name: EngineName,
    workers: int | None,
    threads: int | None,
    memory: int | None,
    scheduler: str | None,
    keys: Path | None,
    shares: Sequence[str],
) -> None:
    for option, value, engines in (
        ("--workers", workers, {EngineName.PROCESSES, EngineName.DASK}),
        ("--threads", threads, {EngineName.THREADS, EngineName.PROCESSES, EngineName.DASK}),
        ("--memory", memory, {EngineName.SEQUENTIAL, EngineName.THREADS, EngineName.PROCESSES}),
        ("--scheduler", scheduler, {EngineName.DASK}),
        ("--keys", keys, {EngineName.CLUSTER}),
        ("--share", shares or None, {EngineName.CLUSTER, EngineName.MPI, EngineName.DASK}),
    ):
        if value is not None and name not in engines:
            raise FleetError(f"{option} is not for the engine {name}, but for {', '.join(sorted(engines))}.")
        if isinstance(value, int) and value < 1:
            raise FleetError(f"{option} has to be 1 or more, not {value}.")
