"""docs/troubleshooting.md quotes sentences as the program says them."""

import os
import re
from functools import cache
from pathlib import Path

import pytest

import filterfleet

PACKAGE = Path(filterfleet.__file__).resolve().parent
PAGE = PACKAGE.parent / "docs" / "troubleshooting.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$")
LITERALS_IN_A_ROW = re.compile(r"""["']\s*\n\s*[rf]*["']""")  # Python joins them
FIELD = r"\{(?:[^{}\n]|\{[^{}\n]*\})*\}"
DIFFERS = rf"{FIELD}(?: ?{FIELD})*"  # what the page writes as …


def rows():
    return [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]


def sentences():
    return [found[1] for row in rows() if (found := ROW.match(row))]


@cache
def sources():
    files = [
        Path(folder, name)
        for folder, _, names in os.walk(PACKAGE, followlinks=True)
        if Path(folder).relative_to(PACKAGE).parts[:1] != ("bench",)
        for name in names
        if name.endswith(".py")
    ]
    return LITERALS_IN_A_ROW.sub("", "\n".join(file.read_text("utf-8") for file in files))


def test_every_row_quotes_one_sentence_and_says_why_and_what_to_do():
    heads = [row for row in rows() if row == "| sentence | why | what to do |"]
    assert len(heads) >= 8
    assert len(sentences()) == len(rows()) - len(heads)
    assert len(set(sentences())) == len(sentences())
    assert len(sentences()) >= 60


@pytest.mark.parametrize("sentence", sentences())
def test_the_program_says_this(sentence):
    parts = sentence.split("…")
    fixed = max(parts, key=len)
    assert len(fixed.split()) >= 2 or "_" in fixed, "too little to find it by"
    pattern = DIFFERS.join(map(re.escape, parts))
    assert re.search(pattern, sources()), f"not in the sources: {sentence}"
