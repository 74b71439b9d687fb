"""`filterfleet plugin init`: a package to begin with."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable
from filterfleet.worker.filters import names

_NAME = re.compile(r"[a-z]([a-z0-9_]{0,38}[a-z0-9])?")  # pip takes no package whose name ends in a hyphen
_OURS = ("np", "register")  # names that the template itself uses
_FILES = {
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    "filterfleet_{name}.py": "filter.py.in",
    "test_{name}.py": "test.py.in",
}


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the filter: letters, digits and _.")],
    folder: Annotated[
        Path | None,
        typer.Option(help="A new folder for the package. The default is filterfleet-NAME.", show_default=False),
    ] = None,
) -> None:
    """Write a package with a filter of your own: the filter, its test, and what pip needs."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _OURS:
        raise FleetError(
            f"'{printable(name)}' cannot be the name of a filter: use up to 40 lower-case letters, digits and _, "
            "with a letter first and no _ last, and no word that Python or the template uses."
        )
    if name in names():
        raise FleetError(f"There is a filter {name!r} already: choose another name.")
    package = name.replace("_", "-")
    target = folder or Path(f"filterfleet-{package}")
    shown = printable(str(target))
    try:
        target.mkdir()
        for file, template in _FILES.items():
            text = (resources.files("filterfleet") / "plugin_template" / template).read_text(encoding="utf-8")
            made = text.replace("@NAME@", name).replace("@PACKAGE@", package)
            (target / file.format(name=name)).write_text(made, encoding="utf-8")
    except FileExistsError:
        raise FleetError(f"{shown} exists already: name another folder with --folder.") from None
    except OSError as error:
        raise FleetError(f"The package cannot be written to {shown}: {error.strerror}.") from None
    typer.echo(f"Written to {shown}: its README.md says how to install and try it.")
