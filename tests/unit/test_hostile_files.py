"""Hundreds of broken and hostile files. Each becomes an image or one sentence: no crash, no hang, little memory."""

import json
import re
import subprocess
import sys

import pytest

from filterfleet.common.jobs.recipe import Damaged

LONGEST = 30  # seconds for one file, on a busy machine
MOST = 512 << 20  # bytes by which a process with 256 MiB for images may grow


def outcomes(each, damaged, timeout):
    """What a child prints about every file. It is confined like a worker; anything on its stderr is an error, too."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.unit.hostile_files", str(each), damaged],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    assert child.returncode == 0, f"it ended at {lines[-1]['name']}: {child.stderr[-2000:]}"
    assert child.stderr == ""
    return [line for line in lines if "seconds" in line]


def check(found):
    assert len({line["name"] for line in found}) == len(found)
    for line in found:
        assert ("shape" in line) != ("sentence" in line)
        sentence = line.get("sentence", "A.")
        assert re.fullmatch(r"[A-Z].*\.", sentence), line
        assert line["seconds"] < LONGEST, line
        assert line["grown"] < MOST, line


def test_each_of_500_hostile_files_is_an_image_or_one_sentence():
    found = outcomes(2, Damaged.REFUSE, timeout=150)
    check(found)
    assert len(found) >= 500
    refused = [line["name"] for line in found if "sentence" in line]
    assert 350 < len(refused) < len(found)
    cut = [line for line in found if ", cut " in line["name"]]
    assert len(cut) >= 40
    assert sum("sentence" in line for line in cut) > len(cut) * 0.9  # a few are cut in a part that nobody needs


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("damaged", Damaged)
def test_so_is_each_of_3000(damaged):
    check(outcomes(60, damaged, timeout=550))
