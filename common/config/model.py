"""The typed model of a table, made of the settings that its command declares."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from filterfleet.common.config.setting import Setting
from filterfleet.common.errors import FleetError
from filterfleet.common.home import from_home
from filterfleet.common.text import did_you_mean, one_line, printable

_LISTING = "`filterfleet config init`"


class Checked(NamedTuple):
    """Values by key, and what is wrong: a sentence for each key that is."""

    values: Mapping[str, Any]
    mistakes: Mapping[str, str]


def check(name: str, settings: Mapping[str, Setting], given: Mapping[str, Any], *, text: bool) -> Checked:
    """What a table, or the variables of one, say. text: the values are those of variables, so "4" is a number."""
    try:
        found = _model(name, settings.values(), strict=not text).model_validate(given)
    except ValidationError as error:
        wrong = {str(problem["loc"][0]): problem for problem in error.errors()}
        mistakes = {key: _sentence(key, settings, given[key], wrong[key]) for key in given if key in wrong}
        rest = {key: value for key, value in given.items() if key not in mistakes}
        return Checked(check(name, settings, rest, text=text).values, mistakes)
    return Checked({key: getattr(found, _field(key)) for key in settings if _field(key) in found.model_fields_set}, {})


def _model(name: str, settings: Iterable[Setting], *, strict: bool) -> type[BaseModel]:
    fields: dict[str, Any] = {
        _field(setting.key): (_annotation(setting) | None, Field(None, alias=setting.key)) for setting in settings
    }
    return create_model(name, __config__=ConfigDict(extra="forbid", strict=strict), **fields)


def _field(key: str) -> str:
    """A name that no method of a model has."""
    return f"the_{key}"


def _annotation(setting: Setting) -> Any:
    item = _item(setting)
    return list[item] if setting.many else item  # type: ignore[valid-type]


def _item(setting: Setting) -> Any:
    kind, option = setting.kind, setting.option
    if option.parser is not None:
        return Annotated[kind, BeforeValidator(functools.partial(_parsed, option.parser))]
    if issubclass(kind, enum.Enum):
        return Annotated[kind, BeforeValidator(functools.partial(_member, kind))]
    if issubclass(kind, Path):
        return Annotated[Path, BeforeValidator(_path)]
    if kind in (int, float):
        bounds = Field(ge=option.min, le=option.max, allow_inf_nan=False if kind is float else None)
        return Annotated[kind, bounds]
    return Annotated[kind, BeforeValidator(_text)] if kind is str else kind


def _path(value: Any) -> Any:
    if not isinstance(value, str):
        return value  # which is none: Pydantic will say so
    try:
        return from_home(_text(value))
    except FleetError as error:
        raise ValueError(str(error)) from None


def _text(value: Any) -> Any:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("a NUL character cannot stand in it.")
    return value


def _parsed(parser: Any, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return value  # which is no number: Pydantic will say so
    try:
        return parser(str(value))
    except typer.BadParameter as error:
        raise ValueError(error.message) from None


def _member(kind: type[enum.Enum], value: Any) -> Any:
    try:
        return kind(value.lower() if isinstance(value, str) else value)
    except ValueError:
        return value  # which is none: Pydantic will say so


def _sentence(key: str, settings: Mapping[str, Setting], value: Any, problem: Any) -> str:
    if key not in settings:
        return f"there is no setting {printable(key)!r}: {did_you_mean(key, settings, _LISTING)}"
    setting = settings[key]
    if told := problem["msg"].partition("Value error, ")[2]:  # the parser's own sentence
        return f"{key}: {told}"
    return f"{key} takes {takes(setting)}, not {one_line(setting.shown(value), 100)}."


def takes(setting: Setting) -> str:
    """What the values of a setting are, in words."""
    what = _takes_one(setting)
    return f"a list, each item {what}" if setting.many else what


def _takes_one(setting: Setting) -> str:
    kind, option = setting.kind, setting.option
    if option.parser is not None:
        return 'a size such as "500M"'
    if issubclass(kind, enum.Enum):
        return f"one of {', '.join(quoted_value(member) for member in kind)}"
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        what = "a whole number" if kind is int else "a number"
        match option.min, option.max:
            case None, None:
                return what
            case lowest, None:
                return f"{what}, at least {lowest}"
            case lowest, highest:
                return f"{what} from {lowest} to {highest}"
    if issubclass(kind, Path):
        return "a path"
    return f"a text ({option.metavar})" if isinstance(option.metavar, str) else "a text"


def quoted_value(member: enum.Enum) -> str:
    return f'"{member.value}"'
