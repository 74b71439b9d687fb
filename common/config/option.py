"""The option --config of every command that has settings: it brings those of the file and of variables."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from filterfleet.common.config.config import Config
from filterfleet.common.config.setting import Setting, variable
from filterfleet.common.config.tables import DAEMONS, FLEET, READS, SHARED, TABLES
from filterfleet.common.config.variables import ours, strangers
from filterfleet.common.errors import FleetError
from filterfleet.common.home import from_home
from filterfleet.common.logs import get_logger
from filterfleet.common.process.command import SUPERVISOR

log = get_logger("settings")


def _take(context: typer.Context, value: Any) -> Any:
    """Before any other option: what it finds are the defaults of the others."""
    for parameter in context.command.params:
        parameter.consume_value = partial(_consume, parameter, type(parameter).consume_value)  # type: ignore[method-assign]
    if context.resilient_parsing or SUPERVISOR in os.environ:  # whose parent has read them, and told us the result
        return None
    command = str(context.command.name)
    config = Config(command, value, ours(os.environ), context)
    resolved = config.start()
    if resolved.mistakes:
        raise FleetError("\n".join(resolved.mistakes))
    if command in DAEMONS:
        _tell_strangers(config)
        if (file := config.file) is not None and file.stat().st_mode & stat.S_IWOTH:
            log.warning("everybody can write the settings", file=str(file))
    parsers = {setting.name for setting in config.settings if setting.option.parser is not None}
    context.default_map = {
        name: str(found.raw) if name in parsers else found.value for name, found in resolved.found.items()
    }
    return config


def _consume(parameter: Any, usual: Any, context: Any, given: Mapping[str, Any]) -> Any:
    """An option whose value is empty counts as not given. A unit or a script may then pass on what somebody may set."""
    if given.get(parameter.name) in ("", [""]):
        given = {**given, parameter.name: None}
    return usual(parameter, context, given)


def _tell_strangers(config: Config) -> None:
    if not config.environment:
        return
    known = known_variables(config.command, config.settings)
    others = TABLES.keys() - READS[config.command]
    for name, suggestion in strangers(config.environment, known, others).items():
        log.warning("a variable means nothing", name=name, suggestion=suggestion)


def known_variables(command: str, settings: tuple[Setting, ...]) -> list[str]:
    """The names that a command looks for."""
    own = [variable(table, setting.key) for table in READS[command] if table != SHARED for setting in settings]
    return own + [variable(SHARED, key) for key in FLEET]


ConfigFile = Annotated[
    Config | None,
    typer.Option(
        "--config",
        metavar="FILE",
        parser=from_home,
        callback=_take,
        is_eager=True,
        help="A file with settings, such as `filterfleet config init` prints. Options that you give override it, and "
        "so do variables such as FILTERFLEET_LOG_LEVEL.",
        show_default="that of FILTERFLEET_CONFIG, else /etc/filterfleet/filterfleet.toml if it is there",
    ),
]
