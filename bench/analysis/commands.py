"""`filterfleet bench all`, `report`, `check` and `peers`."""

from __future__ import annotations

import ast
import importlib.util
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from filterfleet.bench.analysis.record import Analysis, read, write
from filterfleet.bench.peers.catalogue import PEERS
from filterfleet.common.errors import FleetError

RECORD = "analysis.json"


def all_parts(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer photographs and rounds.")] = False,
    output: Annotated[Path, typer.Option(help="Folder for the measurements and the report.")] = Path("analysis"),
    images: Annotated[
        Path | None, typer.Option(help="Folder of photographs to use in place of those that ship.")
    ] = None,
) -> None:
    """Measure everything and write the comparative analysis: JSON, Markdown and one HTML page.

    The outputs of all contenders are compared: byte for byte, but for tools with filters of their own. A failure ends
    it with a sentence.
    """
    _require_plots()
    from filterfleet.bench.analysis.run import analyse
    from filterfleet.bench.analysis.setting import Setting

    console = Console()
    _make(output)  # now, and not after the first measurements

    def keep(analysis: Analysis) -> None:
        write(analysis, output / RECORD)

    with tempfile.TemporaryDirectory(prefix="filterfleet-bench-") as folder:
        setting = Setting(Path(folder), quick, images, lambda words: console.print(words, highlight=False))
        analyse(setting, f"filterfleet bench all{' --quick' if quick else ''}", keep)
    report([output / RECORD], output)


def report(
    files: Annotated[list[Path], typer.Argument(help="JSON files of `filterfleet bench all`.", metavar="FILE…")],
    output: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("analysis"),
) -> None:
    """Make the report of one or more measurements: analysis.md, and analysis.html with plots."""
    _require_plots()
    from filterfleet.bench.analysis.paper import as_html, as_markdown

    analyses = [read(file) for file in files]
    _make(output)
    try:
        (output / "analysis.md").write_text(as_markdown(analyses))
        (output / "analysis.html").write_text(as_html(analyses))
    except OSError as error:
        raise FleetError(f"The report cannot be written to {output}: {error.strerror}.") from None
    typer.echo(f"The report is {output / 'analysis.html'}.")


def _make(output: Path) -> None:
    """Raises FleetError."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FleetError(f"The output {output} is not a folder.") from None
    except OSError as error:
        raise FleetError(f"The output folder {output} cannot be written: {error.strerror}.") from None


def check(
    old: Annotated[Path, typer.Argument(help="The JSON file of an earlier run.")],
    new: Annotated[Path, typer.Argument(help="That of a later one.")],
) -> None:
    """Say what became slower from one run to another, beyond noise. The exit code is 1 when something did."""
    from filterfleet.bench.analysis.check import compared

    verdict = compared(read(old), read(new))
    for one in verdict.worse:
        at = "" if one.x is None else f" at {one.x:g}"
        typer.echo(f"{one.part}, {one.group}, {one.name}{at}: worse by a factor of {one.factor:.2f}")
    if not verdict.worse:
        typer.echo("Nothing became slower beyond noise.")
    typer.echo(f"{verdict.judged} series were compared; {verdict.too_few} have too few samples for that.")
    raise typer.Exit(1 if verdict.worse else 0)


def peers() -> None:
    """Print how each other system is configured, and why that is fair."""
    folder = Path(__file__).parent.parent / "peers"
    for peer in PEERS:
        words = " ".join((ast.get_docstring(ast.parse((folder / f"{peer.module}.py").read_text())) or "").split())
        needs = f" (needs {peer.missing()})" if peer.missing() else ""
        typer.echo(f"{peer.name}{needs}: {words}\n")


def _require_plots() -> None:
    """Before anything is measured. Raises FleetError."""
    if importlib.util.find_spec("matplotlib") is None:
        raise FleetError("The report needs matplotlib: pip install 'filterfleet[analysis]'.")
