"""A dataclass as the options of a command, and as JSON for another process."""

from __future__ import annotations

import dataclasses
import enum
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from filterfleet.common.errors import FleetError
from filterfleet.common.process.parameters import from_json, takes_options, to_json


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: Annotated[str, typer.Option(metavar="WHO")]
    ratio: Annotated[float, typer.Option(min=0, max=10)] = 0.5
    count: Annotated[int | None, typer.Option(parser=lambda text: 2 * int(text))] = None
    place: Path | None = None
    colour: Annotated[Colour, typer.Option("--colour", help="Of the wall.")] = Colour.RED
    loud: Annotated[bool, typer.Option("--loud")] = False
    words: list[str] = field(default_factory=list)


def run(*arguments: str, without: tuple[str, ...] = ()) -> tuple[int, str, list[object]]:
    """Exit code, what was said, and what the command was called with."""
    seen: list[object] = []

    @takes_options(Sample, without)
    def command(options: Sample, extra: Annotated[int, typer.Option(min=1)] = 7) -> None:
        """Do it."""
        seen.extend((options, extra))

    alone = typer.Typer(add_completion=False)
    alone.command()(command)
    ended = CliRunner().invoke(alone, arguments, env={"COLUMNS": "150"})
    return ended.exit_code, ended.output, seen


def test_fields_that_are_not_given_have_their_defaults():
    assert run("--name", "a") == (0, "", [Sample(name="a"), 7])


def test_every_field_is_an_option_of_its_type():
    given = ("--name=-a", "--ratio=2", "--count=4", "--place=/x", "--colour=blue", "--loud", "--words=-b", "--words=c")
    expected = Sample(name="-a", ratio=2.0, count=8, place=Path("/x"), colour=Colour.BLUE, loud=True, words=["-b", "c"])
    assert run(*given, "--extra=3") == (0, "", [expected, 3])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ((), "Missing option '--name'"),
        (("--name=a", "--ratio=11"), "--ratio"),
        (("--name=a", "--colour=green"), "'green' is not one of"),
        (("--name=a", "--extra=0"), "--extra"),
    ],
)
def test_limits_are_those_of_the_fields(wrong, sentence):
    code, said, seen = run(*wrong)
    assert code == 2
    assert sentence in said
    assert not seen


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(number):
    @takes_options(Sample, {"count"})
    def command(options: Sample) -> None:
        raise AssertionError(options)

    given = {"place": None, "colour": Colour.RED, "loud": False, "words": []}
    with pytest.raises(FleetError, match="--ratio takes a number"):
        command(name="a", ratio=float(number), **given)


def test_the_help_is_that_of_the_fields():
    code, said, _ = run("--help")
    assert code == 0
    assert "Do it." in said
    assert "Of the wall." in said
    assert said.index("--name") < said.index("--words") < said.index("--extra")


def test_a_field_that_is_left_out_is_no_option_and_keeps_its_default():
    code, said, _ = run("--name=a", "--ratio=1", without=("ratio",))
    assert code == 2
    assert "No such option" in said
    assert run("--name=a", without=("ratio",))[2] == [Sample(name="a"), 7]


PATHS = (
    st.binary(min_size=1)
    .filter(lambda data: b"\0" not in data)
    .map(lambda data: Path(data.decode(errors="surrogateescape")))
)
SAMPLES = st.builds(
    Sample,
    name=st.text(),
    ratio=st.floats(allow_nan=False),
    count=st.none() | st.integers(),
    place=st.none() | PATHS,
    colour=st.sampled_from(Colour),
    loud=st.booleans(),
    words=st.lists(st.text()),
)


@given(SAMPLES)
def test_json_and_back(sample):
    text = to_json(sample)
    assert text.isascii()
    back = from_json(Sample, text)
    assert back == sample
    assert [type(value) for value in dataclasses.astuple(back)] == [type(v) for v in dataclasses.astuple(sample)]


def test_what_is_missing_has_its_default():
    assert from_json(Sample, '{"name": "a", "ratio": 3}') == Sample(name="a", ratio=3.0)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"name": None},
        {"name": 1},
        {"name": "a", "nickname": "b"},
        {"name": "a", "ratio": "2"},
        {"name": "a", "ratio": True},
        {"name": "a", "count": 1.5},
        {"name": "a", "count": "1"},
        {"name": "a", "place": 1},
        {"name": "a", "colour": "green"},
        {"name": "a", "loud": 1},
        {"name": "a", "words": "b"},
        {"name": "a", "words": [1]},
        [],
        "name",
        None,
    ],
)
def test_anything_else_is_one_sentence(raw):
    with pytest.raises(FleetError, match=r"^The options are not those of a Sample \(.*\)\.$"):
        from_json(Sample, json.dumps(raw))


def test_no_json_is_one_sentence_too():
    with pytest.raises(FleetError, match="are not those of a Sample"):
        from_json(Sample, "{")
