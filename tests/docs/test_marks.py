"""Each command of the documentation is run as it stands (test_pages.py), run by another test, or says what it needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Block, Note, blocks_in, shell_blocks, unfenced

KINDS = {"sh", "text", "toml", "json", "python", "js", "yaml", "ini", "sql", "nginx", "promql"}
RUNS_TESTS = "it runs tests"
CLASSES = (
    "Say what becomes of a command in a comment before its block: <!-- needs HARDWARE OR ACCOUNT -->, "
    "<!-- tests/FILE.py runs it --> or, for commands that run tests, <!-- it runs tests -->."
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_has_its_test_or_says_what_it_needs(page: Path) -> None:
    assert list(_wrong(page.read_text(encoding="utf-8"), page.name)) == []


def _wrong(text: str, page: str) -> Iterator[str]:
    """Sentences, with the line in the page of this name."""
    for line in unfenced(text):
        yield f"line {line}: This block is indented. Fence it: ```sh for commands, ```text for what they print."
    for block in blocks_in(text):
        if block.kind not in KINDS:
            yield f"line {block.line}: Say what this block is: ```sh, or another of {', '.join(sorted(KINDS))}."
        if block.kind == "sh":
            yield from _unsaid(block, page)


def _unsaid(block: Block, page: str) -> Iterator[str]:
    for command in block.commands:
        if "…" in command and not block.noted(command):
            yield f"line {block.line}: Nobody can run '{command}': write it out. {CLASSES}"
    for note in block.notes:
        commands = [command for command in block.commands if block.noted(command) is note]
        if not commands:
            yield f"line {block.line}: No command of this block begins with '{note.start}': correct the comment."
        for command in commands:
            yield from (f"line {block.line}: {said}" for said in _untrue(note, command, page))


def _untrue(note: Note, command: str, page: str) -> Iterator[str]:
    if note.text == RUNS_TESTS:
        if lost := [word for word in _tests_in(command) if not _there(word)]:
            yield f"'{command}' runs {lost[0]}, which is not there."
    elif note.test:
        file = ROOT / note.test
        if not file.is_file():
            yield f"There is no {note.test}."
        elif lost := [word for word in _telling(command) if word not in _with_what_it_uses(file, page)]:
            yield f"{note.test} has no '{lost[0]}', so it does not run '{command}'."
    elif not note.text.startswith("needs "):
        yield f"'{note.text}' says neither. {CLASSES}"


def _tests_in(command: str) -> list[str]:
    """What it runs: paths, modules and targets of make; a word that is nowhere, if there is none of these."""
    return re.findall(r"\btests[/.][\w/.]+|(?<=make )[\w-]+", command) or [command]


def _there(word: str) -> bool:
    if word.startswith("tests"):
        return (ROOT / word).exists() or (ROOT / (word.replace(".", "/") + ".py")).is_file()
    return f"\n{word}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def _telling(command: str) -> list[str]:
    """The words that say what a command does: its name, that of the bench, and its long options."""
    words = shlex.split(command, comments=True)
    while words[0] == "sudo" or words[0].startswith("-"):
        words.pop(0)
    name = words[1] if words[0].rpartition("/")[2] == "filterfleet" else words[0].rpartition("/")[2]
    names = [name, *words[2:3]] if name == "bench" else [name]
    return [*names, *(word.partition("=")[0] for word in words if word.startswith("--"))]


def _with_what_it_uses(file: Path, page: str) -> str:
    """Its text, those of its conftest and of the modules in tests/ that it imports, and the page, if it reads it."""
    text = file.read_text(encoding="utf-8")
    names = re.findall(r"^from (tests[\w.]+) import", text, re.MULTILINE)
    used = [file.parent / "conftest.py", *(ROOT / f"{name.replace('.', '/')}.py" for name in names)]
    if f"docs/{page}" in text:
        used.append(ROOT / "docs" / page)
    return text + "".join(one.read_text(encoding="utf-8") for one in used if one.is_file())


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("\n    filterfleet status\n", "is indented"),
        ("```\nls\n```\n", "Say what this block is"),
        ("```sh\nfilterfleet up …\n```\n", "write it out"),
        ("<!-- needs a lake -->\n```sh\nls\n```\n", ""),
        ("<!-- nobody has tried -->\n```sh\nls\n```\n", "says neither"),
        ("<!-- `cat`: needs a lake -->\n```sh\nls\n```\n", "begins with 'cat'"),
        ("<!-- tests/no.py runs it -->\n```sh\nls\n```\n", "There is no tests/no.py"),
        ("<!-- tests/docs/pages.py runs it -->\n```sh\nfilterfleet up --onze\n```\n", "has no '--onze'"),
        ("<!-- tests/docs/pages.py runs it -->\n```sh\nfilterfleet bench kitchen\n```\n", "has no 'kitchen'"),
        ("<!-- it runs tests -->\n```sh\npytest tests/no.py\n```\n", "not there"),
        ("<!-- it runs tests -->\n```sh\nls\n```\n", "not there"),
        ("<!-- it runs tests -->\n```sh\nmake test-slow\npython -m tests.fuzz.live --seconds 1\n```\n", ""),
    ],
)
def test_a_command_in_no_class_is_noticed(page: str, said: str) -> None:
    found = list(_wrong(page, "page.md"))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_blocks_know_their_machine_and_their_notes() -> None:
    first, second = blocks_in(
        "On `hub`:\n\n<!-- `b`: needs a lake -->\n<!-- `c`: tests/x.py -->\n"
        "```sh\na \\\n  1  # x\n# y\nb\nc\n```\n```text\nd\n```\n"
    )
    assert (first.machine, first.kind, first.line, first.run) == ("hub", "sh", 5, ["a    1  # x"])
    assert [(note.text, note.test) for note in first.notes] == [("needs a lake", ""), ("tests/x.py", "tests/x.py")]
    assert (second.machine, second.kind, second.run) == ("", "text", ["d"])


def test_commands_are_found() -> None:
    assert sum(len(block.run) for page in PAGES for block in shell_blocks(page)) > 100
