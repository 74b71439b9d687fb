"""Recipes: named outputs, each a chain of filter steps and an encoding. Data only; worker.filters runs them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgpack

from common.errors import RecipeError

SAME = "same"  # encode in the source's own format
ENCODINGS = frozenset({SAME, "jpeg", "png"})
MAX_OUTPUTS = 64
MAX_STEPS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

Scalar = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Step:
    """One filter with the parameters that differ from its defaults, sorted by name."""

    filter: str
    parameters: tuple[tuple[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A named result: it becomes a folder of the output tree.

    encoding is "same", "jpeg" or "png"; quality (1-100) is that of JPEG and WebP.
    """

    name: str
    steps: tuple[Step, ...]
    encoding: str = SAME
    quality: int = 90


@dataclass(frozen=True, slots=True)
class Recipe:
    outputs: tuple[Output, ...]

    @property
    def filters(self) -> frozenset[str]:
        """Names of every filter a worker needs to run this recipe."""
        return frozenset(step.filter for output in self.outputs for step in output.steps)

    def to_bytes(self) -> bytes:
        """The canonical form: equal recipes give equal bytes."""
        packed: bytes = msgpack.packb(
            [
                [o.name, [[s.filter, dict(sorted(s.parameters))] for s in o.steps], o.encoding, o.quality]
                for o in self.outputs
            ]
        )
        return packed

    @property
    def digest(self) -> bytes:
        """8 bytes that change whenever the recipe does."""
        return hashlib.sha256(self.to_bytes()).digest()[:8]

    @classmethod
    def from_bytes(cls, data: bytes) -> Recipe:
        """The inverse of to_bytes, for bytes from anybody. Raises RecipeError."""
        try:
            raw = msgpack.unpackb(data, max_ext_len=0)
        except (ValueError, msgpack.UnpackException) as error:
            raise RecipeError(f"The recipe cannot be read: {error}.") from None
        if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_OUTPUTS:
            raise RecipeError(f"A recipe has 1 to {MAX_OUTPUTS} outputs.")
        recipe = cls(tuple(_output(item) for item in raw))
        if len({output.name for output in recipe.outputs}) != len(raw):
            raise RecipeError("Two outputs of the recipe have the same name.")
        return recipe


def _output(raw: Any) -> Output:
    match raw:
        case [str(name), list(steps), str(encoding), int(quality)] if _NAME.fullmatch(name):
            if encoding not in ENCODINGS:
                raise RecipeError(f"Output {name!r} has the unknown encoding {encoding!r}.")
            if isinstance(quality, bool) or not 1 <= quality <= 100:
                raise RecipeError(f"Output {name!r} has quality {quality}; it goes from 1 to 100.")
            if len(steps) > MAX_STEPS:
                raise RecipeError(f"Output {name!r} has more than {MAX_STEPS} steps.")
            return Output(name, tuple(_step(step) for step in steps), encoding, quality)
    raise RecipeError("An output of the recipe lacks a valid name, steps, encoding or quality.")


def _step(raw: Any) -> Step:
    match raw:
        case [str(name), dict(parameters)]:
            return Step(name, _parameters(name, parameters))
    raise RecipeError("A step of the recipe is not a filter name with parameters.")


def _parameters(name: str, raw: Mapping[Any, Any]) -> tuple[tuple[str, Scalar], ...]:
    for key, value in raw.items():
        if not isinstance(key, str) or not isinstance(value, int | float | str | bool):
            raise RecipeError(f"Filter {name!r} has a parameter that is not a name with a plain value.")
    return tuple(sorted(raw.items()))


_GRAY = Step("grayscale")

DEFAULT = Recipe(
    (
        Output("grayscale", (_GRAY,)),
        Output("blur", (Step("gaussian_blur", (("sigma", 1.4), ("size", 5))),)),
        Output("edges", (_GRAY, Step("canny", (("high", 200), ("low", 100)))), encoding="png"),
    )
)
