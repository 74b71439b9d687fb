"""`filterfleet config show`: what each setting of a command is, and where that comes from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from filterfleet.commands.config_tables import COMMANDS, Part
from filterfleet.common.config.config import Config
from filterfleet.common.config.sample import without
from filterfleet.common.config.setting import Setting
from filterfleet.common.text import json_text
from filterfleet.standing import table


def show(
    context: typer.Context,
    role: Annotated[Part | None, typer.Argument(metavar="[ROLE]", help="A command; all if there is none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what each setting of a command is, and where that comes from.

    Behind the role it takes every option of that command, --config among them, and does not run it:
    `filterfleet config show worker --config my.toml --threads 4`. Secrets are masked.
    """
    rows = [row for name in ([role] if role else Part) for row in _rows(str(name), context.args)]
    if as_json:
        typer.echo(json_text(rows, indent=2))
        return
    columns = ("setting", "from", "value")  # the longest at the end, and none is cut: others may read it in a pipe
    for line in table(columns, ([row[column] for column in columns] for row in rows)):
        typer.echo(line)


def _rows(command: str, options: list[str]) -> list[dict[str, str]]:
    """Raises FleetError for settings that are wrong, and typer's exceptions for options that are."""
    app = typer.Typer(add_completion=False)
    app.command(command)(COMMANDS[command])
    parsed: Any = typer.main.get_command(app)
    for parameter in parsed.params:
        parameter.required = False  # what is set nowhere is shown as that
    context = parsed.make_context(f"filterfleet {command}", list(options))
    config = next(value for value in context.params.values() if isinstance(value, Config))
    return [_row(command, setting, config, context.params[setting.name]) for setting in config.known()]


def _row(command: str, setting: Setting, config: Config, value: Any) -> dict[str, str]:
    place = "default"
    if config.is_flag(setting):
        place = setting.flag
    elif (found := config.resolved.found.get(setting.name)) is not None:
        place = found.place
    shown = without(setting) if value is None else setting.shown(value)
    return {"setting": f"{command}.{setting.key}", "value": shown, "from": place}
