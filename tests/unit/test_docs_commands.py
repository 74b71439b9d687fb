"""Every command line of filterfleet in the documentation exists, with its options and their values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, shell_blocks
from tests.unit.command_lines import UnparsableError, commands_in, mentions_in, parse, words_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_can_be_parsed(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [(line, True) for line in commands_in(text)] + [(line, False) for line in mentions_in(text)]
    assert [wrong for line, whole in lines if (wrong := trouble(line, whole=whole))] == []


def test_every_option_of_the_pages_is_given_to_a_command_by_a_test() -> None:
    run = "\n".join(command for page in PAGES for block in shell_blocks(page) for command in block.run)
    tested = set(re.findall(r"--[a-z][a-z0-9-]+", run))
    for file in (ROOT / "tests").rglob("*.py"):
        if file != Path(__file__):
            tested |= set(re.findall(r"--[a-z][a-z0-9-]+", file.read_text(encoding="utf-8")))
    shown = {
        word.partition("=")[0]
        for page in PAGES
        for line in commands_in(page.read_text(encoding="utf-8"))
        for word in words_of(line)
        if word.startswith("--")
    }
    assert len(shown) > 40
    assert shown <= tested


def trouble(line: str, *, whole: bool) -> str:
    try:
        parse(words_of(line), whole=whole)
    except UnparsableError as error:
        return f"{line}: {error}"
    return ""


def test_commands_are_found_wherever_a_page_has_them() -> None:
    page = """
```sh
sudo -u filterfleet /opt/filterfleet/bin/filterfleet redo a.jpg \\
    --state /var/lib/filterfleet   # again
docker exec broker filterfleet status --json && A=b filterfleet health --role worker
sudo -u filterfleet ls
useradd filterfleet --shell /bin/sh
```

    filterfleet up --source in --output out            # everything
    filterfleet up … --exec-hook x

The user filterfleet runs `filterfleet status --watch`, and `filterfleet jobs --output
out`; `filterfleet up …` is a part only.

```toml
filterfleet nothing
```
"""
    assert [words_of(line) for line in commands_in(page)] == [
        ["redo", "a.jpg", "--state", "/var/lib/filterfleet"],
        ["status", "--json"],
        ["health", "--role", "worker"],
        ["up", "--source", "in", "--output", "out"],
    ]
    assert [words_of(line) for line in mentions_in(page)] == [["status", "--watch"], ["jobs", "--output", "out"]]


@pytest.mark.parametrize(
    "line",
    [
        "filterfleet statsu",
        "filterfleet bench nothing",
        "filterfleet up --sourc in",
        "filterfleet up --source in --memory little",
        "filterfleet health --role cook",
        "filterfleet worker --threads many",
        "filterfleet status --output",
        "filterfleet status in out",
    ],
)
def test_a_command_that_does_not_exist_is_noticed(line: str) -> None:
    with pytest.raises(UnparsableError):
        parse(words_of(line))


@pytest.mark.parametrize(
    "line",
    [
        "filterfleet --version",
        "filterfleet bench compare --small 200 && echo done",
        "filterfleet run in out --engine mpi > log 2>&1 &",
        "filterfleet up --help",
    ],
)
def test_a_command_that_exists_is_not(line: str) -> None:
    parse(words_of(line))
