"""`filterfleet recipe try`: a recipe on one photograph."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.shipped import shipped
from filterfleet.common.opening import NotAFileError, read_file
from filterfleet.common.text import one_line, printable
from filterfleet.recipes import load_recipe
from filterfleet.studio.terminal import picture_in
from filterfleet.studio.trial import Tried, rows, tried

LIMIT = 1 << 30  # bytes of a photograph: it is held in memory


def try_(
    choice: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A TOML file, or a recipe that ships.")],
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="An image file.")],
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the results go. The default is PHOTO-tried.", show_default=False),
    ] = None,
) -> None:
    """Try a recipe on one photograph: results, a sheet to look at, and what each step costs."""
    is_recipe = photo.suffix == ".toml" or (str(photo) in shipped() and not photo.exists())
    if is_recipe and not (choice.endswith(".toml") or choice in shipped()):
        raise FleetError(f"The recipe comes before the photograph: recipe try {printable(f'{photo} {choice}')}.")
    recipe = load_recipe(choice)
    data = _read(photo)
    try:
        result = tried(recipe.of(photo.name), data)
    except FleetError:
        raise
    except MemoryError:
        raise FleetError("There is too little memory for this photograph.") from None
    except OSError as error:
        raise FleetError(f"A temporary file cannot be written: {error.strerror}.") from None
    except Exception as error:  # noqa: BLE001 - a filter of a plugin may raise anything
        where = "".join(f" {note}" for note in getattr(error, "__notes__", ())[:1])
        raise FleetError(f"The recipe fails{where}: {one_line(f'{type(error).__name__}: {error}', 300)}") from None
    folder = output or Path(f"{photo.stem}-tried")
    sheet = _sheet_name(result) if result.sheet else None
    if result.files:
        _write(folder, {**result.files, sheet: result.sheet} if sheet else result.files)
    _tell(result, len(data), folder, sheet)


def _read(photo: Path) -> bytes:
    shown = printable(str(photo))
    try:
        data = read_file(photo, LIMIT + 1)
    except (OSError, ValueError, NotAFileError) as error:
        reason = getattr(error, "strerror", None) or "it is no file"
        raise FleetError(f"The photograph {shown} cannot be read: {reason}.") from None
    if len(data) > LIMIT:
        raise FleetError(f"The photograph {shown} is over {LIMIT >> 30} GiB: process it with `filterfleet run`.")
    return data


def _sheet_name(result: Tried) -> str:
    """sheet.png, or another name if an output has that, in upper or lower case."""
    taken = {name.lower() for name in result.files}
    numbered = (f"sheet-{number}.png" for number in itertools.count(2))
    return next(name for name in itertools.chain(["sheet.png"], numbered) if name not in taken)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise FleetError(f"The results cannot be written to {printable(str(folder))}: {error.strerror}.") from None


def _tell(result: Tried, size: int, folder: Path, sheet: str | None) -> None:
    typer.echo(f"{result.width} x {result.height} pixels, {result.format}")
    if result.files:
        Console(markup=False, emoji=False).print(_table(result, size))
    if sheet and sys.stdout.isatty() and (picture := picture_in(result.sheet, os.environ)):
        sys.stdout.write(picture)
    if result.missing:
        typer.echo(f"By the rules of the recipe, this photograph does not get {', '.join(result.missing)}.")
    if result.notes:
        typer.echo(printable(result.notes))
    if result.files:
        beside = f" {printable(str(folder / sheet))} shows the photograph beside its results." if sheet else ""
        typer.echo(f"Written to {printable(str(folder))}.{beside}")


def _table(result: Tried, size: int) -> Table:
    table = Table("step", "seconds", "bytes", box=box.SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows(result, size):
        table.add_row(*row)
    return table
