"""The brokers: whether they answer, which version they are, whether their clocks agree with ours; and their ports."""

from __future__ import annotations

import ipaddress
import math
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

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
BROKER, CLOCK, PORTS = "broker", "clock", "ports"


def check_brokers(
    brokers: str, frontend_port: int, backend_port: int, keys: Path | None, *, expected: bool
) -> Iterator[Finding]:
    """expected: the user has named the broker, so it should be there. Raises FleetError."""
    ports = (frontend_port, backend_port)
    is_here = all(map(_is_here, hosts(brokers)))
    if is_here and not expected and all(map(_is_free, ports)):
        yield warning(BROKER, "No broker runs on this machine.", "Name the fleet's broker with --broker.")
        yield from check_ports(ports)
        return
    check_names(brokers)
    answers = ask(brokers, *ports, keys)
    for answer in answers:
        yield from about(answer, time.time(), expected=expected)
    if is_here and all(answer.silent for answer in answers):
        yield from check_ports(ports)


def about(answer: Answer, now: float, *, expected: bool) -> Iterator[Finding]:
    """What an answer tells. now: seconds since the epoch."""
    if answer.report is None:
        yield (problem if expected else warning)(BROKER, answer.problem)
        return
    yield _version(answer.broker, answer.report)
    foreign = answer.report.get("versions")
    for said in foreign if isinstance(foreign, list) else ():
        yield warning(BROKER, f"At the broker, {one_line(str(said))}.")
    apart = _apart(answer.report, now)
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


def check_ports(ports: Iterable[int], machine: Path = Path("/")) -> Iterator[Finding]:
    """The ports that a broker on this machine would listen on, where none answers."""
    for port in ports:
        if _is_free(port, machine):
            yield ok(PORTS, f"Port {port} is free.")
            continue
        if isinstance(_refusal(port), PermissionError):
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


def _is_free(port: int, machine: Path = Path("/")) -> bool:
    return listener_on(port, machine) is None and _refusal(port) is None


def _refusal(port: int) -> OSError | None:
    """Why the system does not let this process listen there."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        return error
    return None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
