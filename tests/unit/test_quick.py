"""What is said about options whose values are wrong."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import pytest
import typer

from filterfleet.common.process.quick import make_quick


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


def parsed(*words: str) -> object:
    """What a command gets of these words. Raises BadParameter."""
    alone, seen = typer.Typer(add_completion=False), []

    @alone.command()
    def command(
        places: Annotated[list[Path] | None, typer.Argument()] = None,
        count: Annotated[int | None, typer.Option(min=1, max=2048)] = None,
        ratio: Annotated[float | None, typer.Option(min=-1)] = None,
        colour: Colour | None = None,
        place: Path | None = None,
    ) -> None:
        seen.extend([*(places or []), count, ratio, colour, place])

    quick = make_quick(typer.main.get_command(alone))
    if not hasattr(quick.params[0], "type_descriptor"):
        pytest.skip("an older typer has sentences of its own")
    quick.main(list(words), standalone_mode=False)
    return seen


def test_what_is_right():
    assert parsed("a", "--count=2048", "--ratio=-1", "--colour=blue", "--place=b") == [
        *(Path("a"), 2048, -1.0, Colour.BLUE, Path("b"))
    ]
    assert parsed() == [None, None, None, None]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--count=0",), "0 is too small: the least is 1."),
        (("--count=2049",), "2049 is too large: the most is 2,048."),
        (("--count=" + "9" * 400,), "the most is 2,048."),
        (("--count=3.0",), "'3.0' is not a whole number."),
        (("--count=",), "'' is not a whole number."),
        (("--ratio=-1.5",), "-1.5 is too small: the least is -1."),
        (("--ratio=much",), "'much' is not a number."),
        (("--ratio=nan",), "'nan' is not a number."),
        (("--ratio=inf",), "'inf' is not a number."),
        (("--colour=green\n",), r"'green\n' is not one of red, blue."),
        (("--place=",), "It is empty: name a file or a folder."),
        (("a", ""), "It is empty: name a file or a folder."),
    ],
)
def test_what_is_wrong_is_said_in_words(words, sentence):
    with pytest.raises(typer.BadParameter) as raised:
        parsed(*words)
    assert str(raised.value.message).endswith(sentence)
    assert raised.value.param is not None
