"""The parameters of filters: what each accepts, and how to say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from common.recipe import Value


class Parameter(Protocol):
    """default None means that a recipe has to give a value."""

    @property
    def default(self) -> Value | None: ...

    def check(self, value: Value) -> str | None:
        """What is wrong with a value, if anything is: "takes ..., not ..."."""

    def describe(self) -> str:
        """What it takes, for the catalogue: "odd integer from 1 to 255, pixels"."""


@dataclass(frozen=True, slots=True)
class Integer:
    """From minimum to maximum, both allowed."""

    default: int | None
    minimum: int
    maximum: int
    unit: str = ""
    odd: bool = False

    def check(self, value: Value) -> str | None:
        if type(value) is not int or not self.minimum <= value <= self.maximum or (self.odd and value % 2 == 0):
            return f"takes an {self.describe()}, not {value!r}"
        return None

    def describe(self) -> str:
        kind = "odd integer" if self.odd else "integer"
        return f"{kind} from {self.minimum} to {self.maximum}{_unit(self.unit)}"


@dataclass(frozen=True, slots=True)
class Number:
    """From minimum to maximum, both allowed."""

    default: float | None
    minimum: float
    maximum: float
    unit: str = ""

    def check(self, value: Value) -> str | None:
        if type(value) not in (int, float) or not self.minimum <= float(value) <= self.maximum:  # type: ignore[arg-type]
            return f"takes a {self.describe()}, not {value!r}"
        return None

    def describe(self) -> str:
        return f"number from {self.minimum:g} to {self.maximum:g}{_unit(self.unit)}"


def _unit(unit: str) -> str:
    return f", {unit}" if unit else ""
