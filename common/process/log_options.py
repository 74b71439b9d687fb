"""The options of every daemon about its log. A daemon hands them to its processes in the environment."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from filterfleet.common.log_lines import LogFormat
from filterfleet.common.logs import FORMAT, IMAGES, LEVEL, configure

_LOG = "The log"  # heading in --help


class LevelName(enum.StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _into(variable: str) -> Callable[[Any], Any]:
    """Takes the value of an option at once, before the command runs."""

    def take(value: Any) -> Any:
        if value:
            set_variable(variable, value)
        return value

    return take


def set_variable(variable: str, value: Any) -> None:
    """Log as the value says from now on; one that is None or False is for the usual way."""
    os.environ.pop(variable, None)
    if value:
        os.environ[variable] = "1" if value is True else str(value)
    configure()


LogForm = Annotated[
    LogFormat | None,
    typer.Option(
        "--log-format",
        callback=_into(FORMAT),
        rich_help_panel=_LOG,
        help="How each line is written. With journald it begins with its priority.",
        show_default="journald where standard error goes there, else text",
    ),
]
LogLevel = Annotated[
    LevelName | None,
    typer.Option(
        "--log-level",
        callback=_into(LEVEL),
        rich_help_panel=_LOG,
        help="The least important lines that are written.",
        show_default="info",
    ),
]
LogImages = Annotated[
    bool,
    typer.Option(
        "--log-images",
        callback=_into(IMAGES),
        rich_help_panel=_LOG,
        help="Also write a line for each image that is done.",
    ),
]
