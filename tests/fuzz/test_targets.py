"""The targets without atheris, on their corpus and on a few thousand scripts that Hypothesis makes from it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import corpus
from tests.fuzz.mutations import mutate
from tests.fuzz.scripts import Step, pack, unpack
from tests.fuzz.targets import TARGETS

steps = st.builds(
    Step, st.integers(0, 255), st.integers(0, 255), st.lists(st.binary(max_size=80), max_size=6).map(tuple)
)


@given(st.lists(steps, max_size=8))
def test_a_script_is_what_was_packed(script):
    assert list(unpack(pack(script))) == script


@pytest.mark.parametrize("target", TARGETS)
@given(script=st.binary(max_size=400))
def test_any_bytes(target, script):
    TARGETS[target](script)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus(target):
    for script in corpus(target):
        TARGETS[target](script)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=300)
@given(data=st.data())
def test_conversations_that_go_wrong(target, data):
    seeds = list(corpus(target))
    script = data.draw(st.sampled_from(seeds))
    for number in data.draw(st.lists(st.integers(0, 1 << 32), min_size=1, max_size=8)):
        rng = random.Random(number)
        script = mutate(script, rng, rng.choice(seeds))
    TARGETS[target](script)
