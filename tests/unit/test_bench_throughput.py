"""Contenders of the analysis: another system that fails is left out with a sentence, and one of ours ends it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from filterfleet.bench.analysis.parts.throughput import Load, _loads, _race
from filterfleet.bench.analysis.record import Part
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.contenders import OURS, PLAIN, Contender
from filterfleet.common.errors import FleetError

WRITES = "import sys; f = sys.argv[1] + '/a.png'; import os; os.makedirs(sys.argv[1]); open(f, 'w').write({!r})"


def contender(name: str, like: str, content: str | None = "pixels") -> Contender:
    """A program that writes this, or fails."""
    script = "raise SystemExit('no such thing')" if content is None else WRITES.format(content)
    return Contender(name, lambda _source, output: [sys.executable, "-S", "-c", script, str(output)], like)


def race(folder: Path, *field: Contender) -> tuple[list[Contender], Part]:
    part = Part()
    setting = Setting(folder, True, None, lambda _words: None)
    return _race(setting, Load("small", 1, 0.01, 0.02, (0, 0), field), part), part


def test_another_system_that_fails_or_is_wrong_is_left_out(tmp_path: Path):
    plain, fine = contender(PLAIN, PLAIN), contender("fine", PLAIN)
    broken, wrong = contender("broken", PLAIN, None), contender("wrong", PLAIN, "others")
    found, part = race(tmp_path, plain, broken, wrong, fine)
    assert found == [plain, fine]
    assert len(plain.seconds) == len(fine.seconds) == 2
    assert [words.partition(": ")[2].partition(": ")[2] for words in part.left_out] == [
        "broken failed: no such thing",
        "wrong: 1 outputs differ and 0 are missing.",
    ]


@pytest.mark.parametrize(("name", "like"), [(PLAIN, PLAIN), ("one of ours", OURS)])
def test_one_of_ours_that_fails_ends_it(tmp_path: Path, name: str, like: str):
    with pytest.raises(FleetError, match="failed: no such thing"):
        race(tmp_path, contender(name, like, None))


@pytest.mark.parametrize("quick", [True, False])
def test_every_contender_is_compared_with_one_of_its_field_that_ran_before(tmp_path: Path, quick: bool):
    for load in _loads(Setting(tmp_path, quick, None, lambda _words: None)):
        names = [one.name for one in load.field]
        assert len(set(names)) == len(names)
        assert all(one.like in names[: place + 1] for place, one in enumerate(load.field))
