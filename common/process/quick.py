"""Options whose values are plain, without the 60 ms that Typer takes to load Pydantic for them."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer


def make_quick(command: Any) -> Any:
    """The click command, whose parameters ask Typer only for what is no plain value, or a wrong one."""
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
    except (ValueError, TypeError, typer.BadParameter):
        return slowly(parameter, context, value)  # it says what is wrong
    if parameter.required and parameter.value_is_missing(converted):
        return slowly(parameter, context, value)
    return parameter.callback(context, parameter, converted) if parameter.callback else converted


def _converted(annotation: Any, option: Any, value: Any) -> Any:
    """The value as its type. Raises ValueError or TypeError for one that is wrong or not plain."""
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
    number = kind(value)
    if (option.min is not None and number < option.min) or (option.max is not None and number > option.max):
        raise ValueError(value)
    return number


def _made(kind: Any, value: Any) -> Any:
    if kind is bool or not isinstance(value, str):
        raise TypeError(value)
    return kind(value)
