"""A command as a program of its own: `python -m filterfleet.broker`, `.worker` and `.listener`."""

from __future__ import annotations

from collections.abc import Callable

import typer

from filterfleet.common.process.command import run_command
from filterfleet.common.process.quick import make_quick


def run_role(command: Callable[..., None]) -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    run_command(make_quick(typer.main.get_command(app)))
