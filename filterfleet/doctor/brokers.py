"""The brokers: whether they answer, which version they are, whether their clocks agree with ours; and their ports."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filterfleet.common.address import first_address
from filterfleet.common.client.asking import Answer, ask
from filterfleet.common.client.brokers import check_brokers as check_names
from filterfleet.common.client.brokers import hosts
from filterfleet.common.process.system import VERSION
from filterfleet.common.text import one_line
from filterfleet.common.wire import MAJOR
from filterfleet.doctor.finding import Finding, ok, problem, warning
from filterfleet.doctor.listening import listener_on

# Seconds between two clocks. More: stores refuse signatures only beyond 15 minutes. Less: logs of several machines stay
# in order.
APART, FAR_APART = 2.0, 300.0

_OTHERS = "give broker, workers and listener other ports: --frontend-port, --backend-port."
LOOPBACK = "127.0.0.1"
BROKER, CLOCK, PORTS = "broker", "clock", "ports"


def check_brokers(
    brokers: str, frontend_port: int, backend_port: int, keys: Path | None, *, expected: bool
) -> Iterator[Finding]:
    """expected: the user has named the brokers, so they should be there; otherwise they are those of this machine.
    Raises FleetError."""
    ports = (frontend_port, backend_port)
    if not expected and all(map(_is_free, ports)):
        yield warning(BROKER, "No broker runs on this machine.", "Name the fleet's broker with --broker.")
        yield from check_ports(ports)
        return
    check_names(brokers)
    for host, answer in zip(hosts(brokers), ask(brokers, *ports, keys), strict=True):
        yield from about(answer, expected=expected)
        if answer.silent and (address := _own_address(host)) is not None:
            yield from check_ports(ports, address)


def about(answer: Answer, *, expected: bool) -> Iterator[Finding]:
    """What an answer tells."""
    if answer.report is None:
        yield (problem if expected else warning)(BROKER, answer.problem)
        return
    yield _version(answer.broker, answer.report)
    foreign = answer.report.get("versions")
    for said in foreign if isinstance(foreign, list) else ():
        yield warning(BROKER, f"At the broker, {one_line(str(said))}.")
    apart = _apart(answer.report, answer.heard_at)
    if apart is None:
        return
    where = "ahead of" if apart > 0 else "behind"
    says = f"The clock of the broker at {answer.broker} is {abs(apart):.1f} s {where} ours."
    do = "Have both machines set their clocks over the network: chrony or systemd-timesyncd."
    if abs(apart) > FAR_APART:
        yield problem(CLOCK, says, do)
    elif abs(apart) > APART:
        yield warning(CLOCK, says, do)
    else:
        yield ok(CLOCK, f"The clock of the broker at {answer.broker} agrees with ours.")


def check_ports(ports: Iterable[int], address: str = LOOPBACK, machine: Path = Path("/")) -> Iterator[Finding]:
    """The ports at which a broker would listen on an address of this machine, where none answers."""
    for port in ports:
        if _is_free(port, address, machine):
            yield ok(PORTS, f"Port {port} is free.")
            continue
        if isinstance(_refusal(port, address), PermissionError):
            says = f"This user may not listen on port {port}: the system keeps low ports for root."
            yield problem(PORTS, says, f"{_OTHERS[0].upper()}{_OTHERS[1:]}")
            continue
        who = listener_on(port, machine) or "a process of another user"
        yield problem(
            PORTS,
            f"Port {port} is taken by {who}, and no broker answers there.",
            f"End that program, or {_OTHERS}",
        )


def _version(broker: str, report: Mapping[str, Any]) -> Finding:
    workers = report.get("workers")
    versions = sorted({str(one.get("version")) for one in workers or () if isinstance(one, Mapping)} - {""})
    count = len(workers or ())
    says = f"The broker at {broker} answers in PPX{MAJOR}, as we do; it has {count} worker{'s' * (count != 1)}."
    others = [version for version in versions if version != VERSION]
    if others:
        found = one_line(", ".join(others), 200)
        return warning(BROKER, f"{says} Workers run version {found}, this is {VERSION}.", "Upgrade all machines.")
    return ok(BROKER, says)


def _apart(report: Mapping[str, Any], now: float) -> float | None:
    """Seconds by which the broker's clock is ahead. A broker of the previous version does not tell its time."""
    clock = report.get("clock")
    if not isinstance(clock, int | float) or not math.isfinite(clock) or clock <= 0:
        return None
    return clock - now


def _is_free(port: int, address: str = LOOPBACK, machine: Path = Path("/")) -> bool:
    """Beyond loopback, whoever listens on another address of the machine is not in the way."""
    return _refusal(port, address) is None and (address != LOOPBACK or listener_on(port, machine) is None)


def _refusal(port: int, address: str) -> OSError | None:
    """Why the system does not let this process listen there."""
    try:
        with _socket(address, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        return error
    return None


def _own_address(host: str) -> str | None:
    """The address of a host, if it is this machine."""
    address = first_address(host)
    if address is None:
        return None
    try:
        with _socket(address, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return None
    return address


def _socket(address: str, kind: socket.SocketKind) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
