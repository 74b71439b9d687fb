"""What a filter may be registered as: the options and the parameters that its author gives."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from typing import Any

from filterfleet.common.jobs.recipe import MAX_NAME, MAX_PARAMETERS
from filterfleet.common.text import printable
from filterfleet.worker.filters.merge import Measured, Merge, Moved, Rows

# Names that a parameter cannot have, and who has them.
_RESERVED = {
    "filter": "a recipe names the filter by it",
    "image": "the function gets the image by it",
    "alpha": "the function gets the alpha channel by it",
}
_METHODS = ("check", "describe")


def check_options(name: str, options: Mapping[str, tuple[Any, type | tuple[type, ...]]]) -> None:
    """options: for each option of register() its value, and what it has to be. Raises ValueError."""
    for option, (value, kinds) in options.items():
        if isinstance(value, kinds):
            continue
        if _is_parameter(value):
            raise ValueError(f"{_where(name, option)}: register() has an option of this name, so it needs another one")
        wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise ValueError(
            f"the option {option!r} of the filter {name!r} is of type {type(value).__name__}: use {wanted}"
        )


def check_parameters(name: str, parameters: Mapping[str, Any], merge: Merge, *, informed: bool) -> None:
    """Raises ValueError, with the first problem."""
    if len(parameters) > MAX_PARAMETERS:
        raise ValueError(f"the filter {name!r} has {len(parameters)} parameters: at most {MAX_PARAMETERS} are possible")
    taken = dict(_taken(merge, informed=informed))
    for title, parameter in parameters.items():
        if (owner := taken.get(title)) is not None:
            raise ValueError(f"{_where(name, title)}: this name is reserved, because {owner}")
        if not title.isidentifier() or keyword.iskeyword(title) or len(title) > MAX_NAME:
            raise ValueError(f"{_where(name, title)}: use a Python name of at most {MAX_NAME} characters")
        if not _is_parameter(parameter):
            kind = type(parameter).__name__
            raise ValueError(f"{_where(name, title)}: it is of type {kind}, not Integer, Number, Choice and so on")


def _taken(merge: Merge, *, informed: bool) -> Iterator[tuple[str, str]]:
    yield from _RESERVED.items()
    if informed:
        yield "about", "the function gets what is known of the file by it"
    if isinstance(merge, Moved) or (isinstance(merge, Rows) and merge.positioned):
        yield "place", "the function gets the place of its rows by it"
    if isinstance(merge, Measured):
        yield "total", "the function gets what was measured by it"


def _is_parameter(value: Any) -> bool:
    return hasattr(value, "default") and all(callable(getattr(value, method, None)) for method in _METHODS)


def _where(name: str, title: str) -> str:
    return f"the parameter {printable(title)!r} of the filter {name!r}"
