"""`filterfleet keys list`: who may connect to a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.keys.folders import PUBLIC, Role, allow_list
from filterfleet.common.text import json_text, printable
from filterfleet.common.words import moment
from filterfleet.standing import table


def list_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The broker's keys.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List who may connect to a broker."""
    rows: list[dict[str, str]] = []
    problems: list[str] = []
    for role in Role:
        found = allow_list(folder, role)
        problems += found.problems
        for key, name in found.names.items():
            file = folder / role.list_name / (name + PUBLIC)
            row = {"name": name, "role": role.value, "since": moment(file.stat().st_mtime), "key": key.decode()}
            rows.append(row | {"file": str(file)})
    rows.sort(key=lambda row: (row["name"], row["role"]))
    if json:
        typer.echo(json_text({"keys": rows, "problems": problems}))
    else:
        heads = ("name", "role", "since", "file")
        listed = table(heads, [[row[head] for head in heads] for row in rows]) if rows else ["Nobody may connect."]
        for line in listed:
            typer.echo(line)
        for problem in problems:
            typer.echo(printable(problem), err=True)
