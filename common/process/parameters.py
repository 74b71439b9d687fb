"""A command whose options are the fields of a dataclass, and that dataclass as JSON for another process.

Each field declares its type, default, help and limits once, as Annotated[type, typer.Option(...)]. A field may be a
str, int, float, bool, Path or enum, a list of one of these, or one of these or None.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import json
import math
import types
import typing
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from filterfleet.common.errors import FleetError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Options = TypeVar("Options", bound="DataclassInstance")


def takes_options(kind: type[Options], without: Collection[str] = ()) -> Callable[..., Callable[..., None]]:
    """Decorates a command for typer. Its first parameter is a `kind`, and users see the fields of that instead.

    The fields named in without are not offered, and keep their defaults.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        fields = [field for field in dataclasses.fields(kind) if field.name not in without]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            options = kind(**{field.name: _finite(field.name, given.pop(field.name)) for field in fields})
            command(options, **given)

        _, *others = inspect.signature(command, eval_str=True).parameters.values()
        hints = typing.get_type_hints(kind, include_extras=True)
        parameters = [_parameter(field.name, hints[field.name], _default(field)) for field in fields]
        parameters += [_parameter(other.name, other.annotation, other.default) for other in others]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _finite(name: str, value: Any) -> Any:
    """The value of an option. Raises FleetError for a number that is none: a parser takes "nan" and "inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        raise FleetError(f"--{name.replace('_', '-')} takes a number, and {value} is none.")
    return value


def to_json(options: DataclassInstance) -> str:
    """All fields, in ASCII: names that are not UTF-8 survive, too."""
    return json.dumps(dataclasses.asdict(options), default=str)


def from_json(kind: type[Options], text: str) -> Options:
    """The inverse of to_json. A field that is missing has its default. Raises FleetError for any other text."""
    hints = typing.get_type_hints(kind)
    try:
        raw: dict[str, Any] = json.loads(text)
        return kind(**{name: _value(hints[name], value) for name, value in raw.items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FleetError(f"The options are not those of a {kind.__name__} ({error!r}).") from None


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """By keyword, so that a parameter without a default may follow one that has a default."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default


def _value(hint: Any, raw: Any) -> Any:
    """raw as JSON has it, in the type of a field. Raises ValueError."""
    if isinstance(hint, types.UnionType):
        if raw is None:
            return None
        (hint,) = (each for each in typing.get_args(hint) if each is not types.NoneType)
    if typing.get_origin(hint) is list and isinstance(raw, list):
        (item,) = typing.get_args(hint)
        return [_value(item, each) for each in raw]
    if isinstance(raw, str) and issubclass(hint, Path | enum.Enum):
        return hint(raw)
    if hint is float and type(raw) is int:
        return float(raw)
    if type(raw) is not hint:
        raise ValueError(f"{raw!r} is not of type {hint}")
    return raw
