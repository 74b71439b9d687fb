"""`filterfleet worker`: supervised worker processes on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, Keys, Memory

Threads = Annotated[int, typer.Option(min=0, max=1024, help="Images one process works on at a time; 0: one per core.")]


def worker(
    broker: BrokerHost = "127.0.0.1",
    _frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    threads: Threads = 0,
    processes: Annotated[int, typer.Option(min=1, help="Processes, each with its own threads.")] = 1,
    memory: Memory = None,
    keys: Keys = None,
    drain_limit: Annotated[
        float,
        typer.Option(min=0, help="Seconds to finish what is leased after SIGTERM; then it is handed back."),
    ] = 60.0,
) -> None:
    """Process images for a broker, here or on another machine.

    Each process is watched and started again when it dies. SIGTERM finishes what is leased and ends;
    a second SIGTERM hands it back to the broker at once.
    """
    from filterfleet.common.client.brokers import check_brokers
    from filterfleet.common.keys.folders import Role, peer_keys
    from filterfleet.common.process.supervisor import Spec, supervise
    from filterfleet.common.process.system import cores
    from filterfleet.worker.launch import arguments
    from filterfleet.worker.memory import share

    check_brokers(broker)
    if keys:
        peer_keys(keys, Role.WORKER)  # said once, here, when they cannot be used
    threads = threads or max(1, cores() // processes)
    argv = arguments(broker, backend_port, threads, memory or share(processes), drain_limit, keys)
    supervise([Spec(f"worker-{n + 1}", argv) for n in range(processes)], patience=drain_limit + 10)
