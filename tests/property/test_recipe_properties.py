"""Recipes: the canonical form is stable, and bytes from anybody give a recipe or a RecipeError."""

import contextlib
import random
from dataclasses import replace

import msgpack
from hypothesis import example, given
from hypothesis import strategies as st

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.output_options import IIIF, NO_OPTIONS, Options
from filterfleet.common.jobs.recipe import DEFAULT, ENCODINGS, Output, Recipe, Step

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
parameters = st.dictionaries(st.text(max_size=20), scalars, max_size=3).map(lambda found: tuple(sorted(found.items())))
steps = st.lists(st.builds(Step, st.text(max_size=20), parameters), max_size=3).map(tuple)


def output(name, steps, encoding, quality):
    options = Options(id="https://example.org/iiif") if encoding == IIIF else NO_OPTIONS
    return Output(name, steps, encoding, quality, options=options)


outputs = st.builds(output, names, steps, st.sampled_from(sorted(ENCODINGS)), st.integers(1, 100))
recipes = st.lists(outputs, min_size=1, max_size=4, unique_by=lambda output: output.name).map(tuple).map(Recipe)
plain = st.recursive(
    st.none() | scalars | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(recipes)
def test_a_recipe_survives_the_wire(recipe):
    assert Recipe.from_bytes(recipe.to_bytes()) == recipe


@given(recipes, st.randoms())
def test_the_order_of_parameters_changes_neither_bytes_nor_digest(recipe, rng):
    def shuffled(step):
        parameters = list(step.parameters)
        rng.shuffle(parameters)
        return Step(step.filter, tuple(parameters))

    other = Recipe(tuple(replace(found, steps=tuple(map(shuffled, found.steps))) for found in recipe.outputs))
    assert (other.to_bytes(), other.digest) == (recipe.to_bytes(), recipe.digest)


@given(recipes, recipes)
def test_different_recipes_have_different_digests(one, other):
    assert (one.digest == other.digest) == (one.to_bytes() == other.to_bytes())


@given(st.binary(max_size=200))
@example(b"\x91" * 3000)
@example(b"\xc7\x00\xff")
def test_hostile_bytes_are_a_recipe_or_a_recipe_error(data):
    with contextlib.suppress(RecipeError):
        recipe = Recipe.from_bytes(data)
        assert Recipe.from_bytes(recipe.to_bytes()) == recipe


@given(plain)
def test_hostile_structures_are_a_recipe_or_a_recipe_error(raw):
    with contextlib.suppress(RecipeError):
        recipe = Recipe.from_bytes(msgpack.packb(raw))
        assert Recipe.from_bytes(recipe.to_bytes()) == recipe


@given(st.integers(0, 2**32))
def test_a_corrupted_recipe_is_another_recipe_or_refused(seed):
    rng = random.Random(seed)
    data = bytearray(DEFAULT.to_bytes())
    data[rng.randrange(len(data))] = rng.randrange(256)
    with contextlib.suppress(RecipeError):
        recipe = Recipe.from_bytes(bytes(data))
        assert (recipe == DEFAULT) == (bytes(data) == DEFAULT.to_bytes())
