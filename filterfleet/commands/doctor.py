"""`filterfleet doctor`: is this machine fit for a fleet? What is wrong, and what to do about it."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from filterfleet.common.config.file import standard_for
from filterfleet.common.config.option import ConfigFile
from filterfleet.common.config.tables import DAEMONS
from filterfleet.common.config.variables import ours
from filterfleet.common.errors import FleetError
from filterfleet.common.process.options import BackendPort, FrontendPort, GroupRead, Keys
from filterfleet.common.text import json_text, printable
from filterfleet.doctor.brokers import check_brokers
from filterfleet.doctor.disks import check_temporary
from filterfleet.doctor.finding import Finding, Level, has_problem, ok, problem, warning
from filterfleet.doctor.imaging import check_fonts, check_formats
from filterfleet.doctor.keys import check_keys
from filterfleet.doctor.machine import check_memory, check_shared
from filterfleet.doctor.places import check_places
from filterfleet.doctor.programs import check_programs

_WIDTH = max(map(len, Level))


class Part(enum.StrEnum):
    INSTALLATION = "installation"
    SETTINGS = "settings"
    MEMORY = "memory"
    DISK = "disk"
    FORMATS = "formats"
    KEYS = "keys"
    BROKER = "broker"
    FOLDERS = "folders"


_NAMED_BY = {
    Part.SETTINGS: "--config",
    Part.KEYS: "--keys",
    Part.FOLDERS: "--source or --output",
}  # what is looked at only where it is named


def doctor(
    source: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Images of a listener: a local folder or REMOTE:PATH.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Its results: a local folder or REMOTE:PATH.")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(metavar="HOST[,HOST...]", help="The brokers that should answer.", show_default="this machine"),
    ] = None,
    frontend_port: FrontendPort = 5555,
    backend_port: BackendPort = 5556,
    keys: Keys = None,
    _allow_group_read: GroupRead = False,
    rclone_config: Annotated[
        Path | None, typer.Option(help="rclone's configuration file.", show_default="rclone's own")
    ] = None,
    only: Annotated[list[Part] | None, typer.Option(help="Only this part; may be given several times.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    _config: ConfigFile = None,
) -> None:
    """Say whether this machine is fit for a fleet, and what to do where it is not.

    It changes nothing. The exit code is 0 when there is no problem, warnings or not, and 1 when there is one. Give it
    the options of the daemon that will not work.
    """
    parts: dict[Part, Callable[[], Iterator[Finding]]] = {
        Part.INSTALLATION: lambda: check_programs(os.environ.get("PATH", os.defpath)),
        Part.SETTINGS: lambda: _check_settings(None if _config is None else _config.file),
        Part.MEMORY: lambda: _all(check_memory, check_shared),
        Part.DISK: check_temporary,
        Part.FORMATS: lambda: _all(check_formats, check_fonts),
        Part.KEYS: lambda: check_keys(keys) if keys is not None else iter(()),
        Part.BROKER: lambda: check_brokers(
            broker or "127.0.0.1", frontend_port, backend_port, keys, expected=broker is not None
        ),
        Part.FOLDERS: lambda: check_places(source, output, rclone_config),
    }
    findings: list[Finding] = []
    for part, check in parts.items():
        if only is None or part in only:
            for finding in _carried_out(part, check, asked=only is not None):
                findings.append(finding)
                if not as_json:
                    _print(finding)
    if as_json:
        rows: list[dict[str, Any]] = [finding._asdict() for finding in findings]
        typer.echo(json_text({"well": not has_problem(findings), "findings": rows}, indent=2))
    raise typer.Exit(int(has_problem(findings)))


def _check_settings(file: Path | None) -> Iterator[Finding]:
    """Of all daemons: one of this machine may be the patient. Raises FleetError."""
    # The commands of all daemons take 0.3 s to load.
    from filterfleet.commands.config_files import mistakes_of, places

    if file is None and (closed := standard_for(DAEMONS[0])) is not None:
        yield warning(
            Part.SETTINGS.value,
            f"The settings {closed} cannot be read by this user.",
            f"A daemon of this user will not start: chmod 644 {closed}. `up` does without.",
        )
    if file is not None and file.stat().st_mode & stat.S_IWOTH:
        shown = printable(str(file))
        yield warning(
            Part.SETTINGS.value, f"Everybody can write {shown}, and choose what a daemon does.", f"chmod o-w {shown}"
        )
    environment = ours(os.environ)
    mistakes = mistakes_of(file, environment)
    yield from (problem(Part.SETTINGS.value, mistake) for mistake in mistakes)
    if not mistakes and (found := places(file, environment)):
        yield ok(Part.SETTINGS.value, f"Nothing is wrong with {' and '.join(found)}.")


def _carried_out(part: Part, check: Callable[[], Iterator[Finding]], *, asked: bool) -> Iterator[Finding]:
    """A check that cannot be made is a finding, and the others are made all the same. asked: the user has named this
    part, and wonders if there is no answer."""
    found = False
    try:
        for finding in check():
            found = True
            yield finding
    except FleetError as error:
        found = True
        yield problem(part.value, str(error))
    if asked and not found:
        yield warning(part.value, "There is nothing to look at.", f"Name it with {_NAMED_BY[part]}.")


def _all(*checks: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    for check in checks:
        yield from check()


def _print(finding: Finding) -> None:
    typer.echo(f"{finding.level.value:{_WIDTH}}  {finding.check}: {finding.says}")
    if finding.do:
        typer.echo(f"{'':{_WIDTH}}  -> {finding.do}")
