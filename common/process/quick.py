"""Options whose values are plain, without the 60 ms that Typer takes to load Pydantic, and what is said of wrong
ones."""

from __future__ import annotations

import enum
import math
import types
import typing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer


class _WrongError(Exception):
    """A sentence about a plain value."""


def make_quick(command: Any) -> Any:
    """The click command, whose parameters ask Typer only for what is no plain value."""
    if all(hasattr(parameter, "type_descriptor") for parameter in command.params):  # older ones do without Pydantic
        help_of = command.get_help_option
        command.params = [_quick(parameter) for parameter in command.params]
        command.get_help_option = lambda context: _quick(help_of(context))
    return command


def _quick(parameter: Any) -> Any:
    parameter.process_value = partial(_process, parameter, type(parameter).process_value)
    return parameter


def _process(parameter: Any, slowly: Callable[[Any, Any, Any], Any], context: Any, value: Any) -> Any:
    described = parameter.type_descriptor
    try:
        converted = _converted(described.annotation, described.parameter_info, value)
    except _WrongError as wrong:
        raise typer.BadParameter(str(wrong), context, parameter) from None
    except (ValueError, TypeError, typer.BadParameter):
        return slowly(parameter, context, value)  # it says what is wrong
    if parameter.required and parameter.value_is_missing(converted):
        return slowly(parameter, context, value)
    return parameter.callback(context, parameter, converted) if parameter.callback else converted


def _converted(annotation: Any, option: Any, value: Any) -> Any:
    """The value as its type. Raises _WrongError for one that is wrong, and ValueError or TypeError for one that is not
    plain."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = [kind for kind in typing.get_args(annotation) if kind is not types.NoneType]
        if len(kinds) != 1:
            raise TypeError(annotation)
        annotation = kinds[0]
    if typing.get_origin(annotation) is list:
        (kind,) = typing.get_args(annotation)
        return [_converted(kind, option, item) for item in value or ()]
    if value is None:
        return None
    if option.parser is not None:
        return option.parser(value)
    return _plain(annotation, option, value)


def _plain(kind: Any, option: Any, value: Any) -> Any:
    if not isinstance(kind, type) or isinstance(value, list | tuple):
        raise TypeError(kind)
    if kind in (str, bool) or issubclass(kind, Path | enum.Enum):
        return value if isinstance(value, kind) else _made(kind, value)
    if kind not in (int, float):
        raise TypeError(kind)
    return _number(kind, option, value)


def _number(kind: Any, option: Any, value: Any) -> Any:
    try:
        number = kind(value)
    except ValueError:
        number = None
    if number is None or (kind is float and not math.isfinite(number)):
        raise _WrongError(f"{value!r} is not a {'whole ' if kind is int else ''}number.")
    if option.min is not None and number < option.min:
        raise _WrongError(f"{value} is too small: the least is {option.min:,}.")
    if option.max is not None and number > option.max:
        raise _WrongError(f"{value} is too large: the most is {option.max:,}.")
    return number


def _made(kind: Any, value: Any) -> Any:
    if kind is bool or not isinstance(value, str):
        raise TypeError(value)
    if issubclass(kind, Path) and not value:  # an unset variable of a script, which Path takes for the current folder
        raise _WrongError("It is empty: name a file or a folder.")
    try:
        return kind(value)
    except ValueError:
        if not issubclass(kind, enum.Enum):
            raise
        raise _WrongError(f"{value!r} is not one of {', '.join(member.value for member in kind)}.") from None
