"""Whatever is written into a recipe file, it is a recipe or a list of sentences; what can be written comes back."""

import datetime as dt
import json
import tempfile
import tomllib
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.recipe import ENCODINGS, Damaged, Metadata, Recipe
from filterfleet.common.jobs.recipe_file import parse_recipe
from filterfleet.common.wire.codec import RECIPE_LIMIT
from filterfleet.worker.filters import check_filter, names

KEYS = ("outputs", "metadata", "damaged", "steps", "encoding", "quality", "effort", "filter", "file", "size", "sigma")
words = st.sampled_from([*KEYS, *ENCODINGS, *Metadata, *Damaged, *names(), "a", "b"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=8
)
scalars = (
    words
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.integers(0, 100)
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.just(dt.UTC))
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=15
)
steps = st.lists(
    words | values | st.builds(lambda name, rest: rest | {"filter": name}, words, st.dictionaries(words, values)),
    max_size=4,
)
tables = st.fixed_dictionaries(
    {},
    optional={"steps": steps | values, "encoding": words | values, "quality": scalars, "effort": values, "x": values},
)
files = st.fixed_dictionaries(
    {"outputs": st.dictionaries(words, tables | values, max_size=4)},
    optional={"metadata": words | values, "damaged": words, "x": values},
)


def toml(value) -> str:
    """A value as TOML has it, tables inline."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case dict():
            return "{" + ", ".join(f"{toml(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dt.date() | dt.time():
            return value.isoformat()
    return repr(value)


def recipe_or_sentences(data: bytes) -> None:
    problems: tuple[str, ...] | None = None
    try:
        recipe = parse_recipe(data, Path(tempfile.gettempdir()), check_filter)
    except RecipeError as error:
        problems = error.problems
    if problems is None:
        assert Recipe.from_bytes(recipe.to_bytes()) == recipe
        assert len(recipe.to_bytes()) <= RECIPE_LIMIT
    else:
        assert problems
        assert all(problem.isprintable() and problem[-1] in ".?" for problem in problems)


@given(files | st.dictionaries(words, values, max_size=4))
def test_any_table_is_a_recipe_or_sentences(raw):
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in raw.items())
    assert set(tomllib.loads(text)) == set(raw)
    recipe_or_sentences(text.encode())


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xef\xbb\xbf")
@example(b"a" + b".a" * 5000 + b" = 1")
@example(b"outputs.a.steps = [" + b"{a=" * 5000)
def test_any_bytes_are_a_recipe_or_sentences(data):
    recipe_or_sentences(data)
