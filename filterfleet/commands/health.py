"""`filterfleet health`: is it well? An exit code and a sentence, for a container's health check or a monitor."""

from __future__ import annotations

import enum
import socket
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from filterfleet.commands.ordering import AsJson, Output, Source, State, place_of
from filterfleet.common.client.asking import Answer, ask
from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.errors import FleetError
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, GroupRead, Keys
from filterfleet.common.text import json_text, one_line, printable
from filterfleet.listener.present import known
from filterfleet.listener.starting import starting
from filterfleet.standing import broker_words, waits_of

UNWELL = 1  # exit code


class Part(enum.StrEnum):
    BROKER = "broker"
    WORKER = "worker"
    LISTENER = "listener"
    FLEET = "fleet"


class Verdict(NamedTuple):
    well: bool
    says: str


def health(
    role: Annotated[
        Part,
        typer.Option(
            help="broker: it answers. worker: one of this machine is with a broker. listener: it runs, and nothing "
            "keeps it from going on. fleet: a broker answers, and no work waits in vain."
        ),
    ] = Part.BROKER,
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    output: Output = None,
    state: State = None,
    source: Source = None,
    as_json: AsJson = False,
    _config: ConfigFile = None,
) -> None:
    """Say in a sentence, and by the exit code, whether a part of a fleet is well.

    The exit code is 0 if it is, 1 if it is not, and 2 if the question cannot be asked. --keys takes a folder with the
    key of a client or of a worker. A listener is named by --output or --state.
    """
    if role is Part.LISTENER:
        verdict = _listener(output, state, source)
    else:
        check_brokers(broker)
        verdict = _fleet(role, ask(broker, frontend_port, backend_port, keys))
    if as_json:
        row: dict[str, Any] = {"role": role.value, **verdict._asdict()}
        typer.echo(json_text(row))
    else:
        typer.echo(f"{'Well' if verdict.well else 'Not well'}: {one_line(verdict.says)}")
    raise typer.Exit(0 if verdict.well else UNWELL)


def _fleet(role: Part, answers: list[Answer]) -> Verdict:
    reports = [answer.report for answer in answers if answer.report is not None]
    if not reports:
        return Verdict(well=False, says=" ".join(answer.problem for answer in answers))
    says = broker_words(reports[0])
    if role is Part.WORKER:
        here = f"{socket.gethostname()}/"
        hosts = [str(worker.get("host")) for report in reports for worker in report.get("workers", ())]
        own = [host for host in hosts if host.startswith(here)]
        work = "works" if len(own) == 1 else "work"
        with_it = f"{', '.join(own)} {work} for the broker" if own else f"no worker of {here[:-1]} is with the broker"
        return Verdict(bool(own), f"{with_it}. {says}")
    if role is Part.FLEET:
        return Verdict(not any(waits_of(report) for report in reports), says)
    missing = [answer.problem for answer in answers if answer.report is None]
    return Verdict(not missing, " ".join([*missing, says]))


def _listener(output: str | None, state: Path | None, source: str | None) -> Verdict:
    """Raises FleetError."""
    if output is None and state is None:
        raise FleetError("Say which listener is meant: --output names its output, --state the folder of its ledger.")
    folder = place_of(output, state, source).parent
    if starts := starting(folder):
        return Verdict(well=False, says=" ".join(f"it starts. {start.says}." for start in starts))
    running = [one.present for one in known(folder) if one.runs]
    if not running:
        return Verdict(well=False, says=f"no listener is running with the state folder {printable(str(folder))}")
    unwell = [present for present in running if present.waits or not present.contact.connected]
    return Verdict(not unwell, " ".join(present.says for present in unwell or running))
