"""Numbers in the documentation that are counted in the code."""

import re

import pytest

from filterfleet.catalogue.soundness import shipped
from tests.docs.pages import ROOT
from tests.fuzz.planted import BUGS
from tests.simulation.mutants import MUTANTS
from tests.simulation.test_simulation import FEW_SEEDS, SEEDS_FOR_A_MUTANT


@pytest.mark.parametrize(
    ("page", "pattern", "number"),
    [
        ("README.md", r"recipe from (\d+) filters", len(shipped())),
        ("docs/reliability.md", r"contain (\d+) bugs that are planted", len(MUTANTS)),
        ("docs/reliability.md", r"within (\d+) seeds", SEEDS_FOR_A_MUTANT),
        ("docs/reliability.md", r"runs (\d+) seeds", FEW_SEEDS),
        ("docs/reliability.md", r"the bounds, (\d+) in all", len(BUGS)),
    ],
)
def test_a_number_is_that_of_the_code(page: str, pattern: str, number: int) -> None:
    assert re.findall(pattern, (ROOT / page).read_text()) == [str(number)]
