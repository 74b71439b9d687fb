"""`filterfleet verify`: is what the ledger calls done still in the output?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from filterfleet.commands.auditing import findings
from filterfleet.commands.ordering import AsJson, Source, State, find_place
from filterfleet.common.text import json_text, printable

SHOWN = 20  # faults that are printed one by one
FAULTY = 1  # exit code


def verify(
    output: Annotated[str, typer.Option("--output", metavar="FOLDER", help="The results, local or REMOTE:PATH.")],
    state: State = None,
    source: Source = None,
    hash_: Annotated[
        bool, typer.Option("--hash", help="Also read each file, and compare its CRC-32 with its worker's.")
    ] = False,
    rclone_config: Annotated[
        Path | None, typer.Option(help="rclone's configuration file.", show_default="rclone's own")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that every result that the ledger knows of is in the output folder.

    Each file has to be there, with the size that it was made with. Nothing is changed, and a listener may be running.
    The exit code is 0 when all is well and 1 when something is missing or damaged.
    """
    place = find_place(output, state, source)
    found = list(findings(place, output, content=hash_, rclone_config=rclone_config))
    if as_json:
        rows = [{"path": f.path, "image": f.image, "fault": f.fault.value, "can_redo": f.can_redo} for f in found]
        typer.echo(json_text(rows, indent=2))
    elif not found:
        typer.echo("Everything that the ledger calls done is in the output.")
    else:
        for fault in found[:SHOWN]:
            typer.echo(f"{printable(fault.path)}: {fault.fault.value}")
        if len(found) > SHOWN:
            typer.echo(f"... and {len(found) - SHOWN} more")
        gone = len({fault.image for fault in found if not fault.can_redo})
        results = "1 result is not as it was" if len(found) == 1 else f"{len(found)} results are not as they were"
        typer.echo(f"{results} made: `filterfleet redo --missing` makes what is missing again.")
        if gone:
            typer.echo(f"The sources of {gone} of these images are gone, so nothing can make their results again.")
    raise typer.Exit(FAULTY if found else 0)
