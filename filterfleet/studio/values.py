"""Values of parameters between TOML and JSON, as the page has them.

A browser keeps every number as a float and writes 2.0 as 2, which is another recipe. So a number that it would not give
back travels as {"number": TEXT}. A picture travels as {"file": NAME, "data": BASE64}.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Mapping
from typing import Any

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import Value

_SAFE = 2**53  # a browser has every integer up to here
_FILE = r"\w[\w .()+-]{0,99}"  # a name that can stand in a line of text, and leads nowhere
_PATH = re.compile(f"({_FILE}/){{0,8}}{_FILE}")


class Pictures:
    """The pictures of a recipe, each under a name of its own: the path of a file, from the folder of the recipe."""

    def __init__(self) -> None:
        self.names: dict[bytes, str] = {}

    def add(self, data: bytes, path: str) -> str:
        """The name of this picture. Where the path is none to write down, it is the file's name, or "picture". Two
        pictures of one name come from two folders, and have to lie in one."""
        if data not in self.names:
            safe = next((each for each in (path, path.rpartition("/")[2]) if _PATH.fullmatch(each)), "picture")
            folder, slash, file = safe.rpartition("/")
            taken = {name.lower() for name in self.names.values()}
            numbered = (f"{folder}{slash}{number}-{file}" for number in itertools.count(2))
            self.names[data] = next(each for each in itertools.chain([safe], numbered) if each.lower() not in taken)
        return self.names[data]

    def named(self, name: str) -> bytes:
        """Raises RecipeError."""
        for data, each in self.names.items():
            if each == name:
                return data
        raise RecipeError(f"There is no picture {name!r}.")


def to_page(value: Value, names: Mapping[bytes, str]) -> Any:
    match value:
        case bytes():
            return {"file": names[value], "data": base64.b64encode(value).decode()}
        case tuple():
            return [to_page(each, names) for each in value]
        case float() if value.is_integer():
            return {"number": repr(value)}
        case int() if abs(value) > _SAFE:
            return {"number": str(value)}
    return value


def from_page(where: str, raw: Any, pictures: Pictures) -> Any:
    """The value as TOML has it; what is wrong with it is left to those who read recipes. Raises RecipeError for what
    TOML does not have."""
    match raw:
        case {"file": str(name), "data": str(text)}:
            return {"file": pictures.add(_decoded(where, text), name)}
        case {"number": str(text)}:
            return _number(where, text)
        case list():
            return [from_page(where, each, pictures) for each in raw]
        case None:
            raise RecipeError(f"{where}: choose a value.")
    return raw


def _decoded(where: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one, and so is what is said of other letters than ASCII
        raise RecipeError(f"{where}: the picture is no base64.") from None


def _number(where: str, text: str) -> float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    raise RecipeError(f"{where}: {text[:60]!r} is no number.")
