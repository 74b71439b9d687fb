"""`filterfleet status`: what the roles of a fleet are doing, and how far its listener is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from filterfleet.commands.ordering import AsJson, Source, place_of
from filterfleet.common.client.asking import Answer, ask
from filterfleet.common.client.brokers import check_brokers
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.errors import FleetError
from filterfleet.common.process.options import BackendPort, BrokerHost, FrontendPort, GroupRead, Keys
from filterfleet.common.text import json_text, printable
from filterfleet.console import obeys
from filterfleet.listener.core.left_alone import sentence
from filterfleet.listener.ledger.overview import Standing, overview
from filterfleet.listener.present import Known, known
from filterfleet.listener.starting import Start, starting
from filterfleet.standing import broker_lines, listener_lines, starting_lines, table

EVERY = 2.0  # seconds between two looks of --watch
CLEAR = "\x1b[H\x1b[2J"  # for a terminal


def status(
    broker: BrokerHost = "127.0.0.1",
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Results of a listener, of `up` or of `run`: show how far that is, too. "
            "A local folder or REMOTE:PATH.",
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="The same by the folder of the ledger, for a listener that has one of its own.")
    ] = None,
    source: Source = None,
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    _config: ConfigFile = None,
) -> None:
    """Show what a broker, its workers and a listener are doing.

    With --output or --state it shows the listener's side as well: what it does now, how many images are done, failed
    and pending in each source, and what was left alone. That is shown even when no broker answers, and so is the fleet
    while no listener runs.
    """
    check_brokers(broker)
    named = output is not None or state is not None
    ledger = place_of(output, state, source) if named else None
    while True:
        here = _Here() if ledger is None else _look(ledger)  # before a broker has its time to answer: it may not exist
        answers = ask(broker, frontend_port, backend_port, keys)
        if ledger is None and not watch and all(answer.report is None for answer in answers):
            raise FleetError("\n".join(answer.problem for answer in answers))
        if as_json:
            _print_json(answers, here, named=named)
        else:
            lines = _lines(answers, here, named=named)
            typer.echo((CLEAR if watch and obeys(sys.stdout) else "") + "\n".join(lines))
        if not watch:
            return
        time.sleep(EVERY)


class _Here(NamedTuple):
    """What the state folder says."""

    starts: Sequence[Start] = ()
    listeners: Sequence[Known] = ()
    standings: Sequence[Standing] = ()


def _look(ledger: Path) -> _Here:
    """A listener that starts for the first time has no ledger yet. Raises FleetError."""
    starts = starting(ledger.parent)
    begun = not starts or ledger.is_file()
    anew = {start.source for start in starts}
    listeners = [one for one in known(ledger.parent) if one.present.source not in anew]
    return _Here(starts, listeners, overview(ledger) if begun else ())


def _lines(answers: list[Answer], here: _Here, *, named: bool) -> list[str]:
    lines: list[str] = []
    for answer in answers:
        lines += [*broker_lines(answer), ""]
    for start in here.starts:
        lines += [*starting_lines(start), ""]
    for one in here.listeners:
        lines += [*listener_lines(one), ""]
    if named and not here.starts and not any(one.runs for one in here.listeners):
        lines += ["No listener is running here.", ""]
    if here.standings:
        heads = ("source", "done", "failed", "pending", "skipped", "left alone")
        lines += table(heads, map(_standing_row, here.standings))
        lines += [printable(said) for one in here.standings if (said := sentence(one.left_alone))]
    return lines


def _standing_row(standing: Standing) -> tuple[object, ...]:
    alone = sum(standing.left_alone.values())
    return standing.source, standing.done, standing.failed, standing.pending, standing.skipped, alone


def _print_json(answers: list[Answer], here: _Here, *, named: bool) -> None:
    """The report of the first broker that answers, and beside it what there is to say of all of them."""
    report = next((answer.report for answer in answers if answer.report is not None), None)
    shown: dict[str, Any] = dict(report or {})
    shown["brokers"] = [
        {"broker": answer.broker, "answers": answer.report is not None, "problem": answer.problem} for answer in answers
    ]
    if named:
        shown["ledger"] = [_row(standing) for standing in here.standings]
        shown["listeners"] = [_listener_row(one) for one in here.listeners]
        shown["starting"] = [msgspec.to_builtins(start) for start in here.starts]
    typer.echo(json_text(shown, indent=2))


def _listener_row(one: Known) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(one.present)
    contact, counts = one.present.contact._asdict(), one.present.counts._asdict()
    return row | {"runs": one.runs, "contact": contact, "counts": counts}


def _row(standing: Standing) -> dict[str, Any]:
    return asdict(standing) | {"left_alone_in_words": sentence(standing.left_alone)}
