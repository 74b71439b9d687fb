"""The shell blocks of pages: on which machine each belongs, and which of their commands are not run as they stand.

A block of commands is fenced with ```sh. Comments before it, which a reader of the page does not see, say more:

    <!-- needs a Kubernetes cluster -->                    nobody can run it here
    <!-- tests/slurm/test_job_scripts.py runs this -->     another test runs it
    <!-- `filterfleet bench`: needs a quiet machine -->    as above, for the commands that begin so; the others run
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

_NOTE = re.compile(r" *<!-- (?:`(.+)`: )?(.*) -->")
_MACHINE = re.compile(r"\b[Oo]n `(\w+)`")
_FENCE = re.compile(r"( *)```(\w*)")


@dataclass(frozen=True)
class Note:
    """Why the commands that begin with `start` (all, if it is empty) are not run here, or which test runs them."""

    start: str
    text: str

    @property
    def test(self) -> str:
        """The file of the test that it names; empty if it says what the commands need."""
        return next((word for word in self.text.split() if word.startswith("tests/")), "")


@dataclass(frozen=True)
class Block:
    """machine: as the text before it calls it; empty where a page is about one. line: of its fence, from 1.
    kind: the word behind the fence. heading: of the section that it stands in."""

    machine: str
    notes: tuple[Note, ...]
    body: str
    line: int
    kind: str
    heading: str

    @property
    def commands(self) -> list[str]:
        """One in each line, with the comment behind it."""
        return [
            line
            for line in self.body.replace("\\\n", " ").splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ]

    @property
    def run(self) -> list[str]:
        """The commands that the page's own test runs."""
        return [command for command in self.commands if not self.noted(command)]

    def noted(self, command: str) -> Note | None:
        return next((note for note in self.notes if command.startswith(note.start)), None)


def blocks_of(page: str) -> list[Block]:
    """The shell blocks of docs/PAGE.md, in order."""
    return shell_blocks(ROOT / "docs" / f"{page}.md")


def shell_blocks(page: Path) -> list[Block]:
    return [block for block in blocks_in(page.read_text(encoding="utf-8")) if block.kind == "sh"]


def commands_for(test: str) -> dict[tuple[str, str], list[str]]:
    """The commands that notes leave to the test in this file, in order, by page (docs/PAGE.md) and heading."""
    found: dict[tuple[str, str], list[str]] = {}
    for page in PAGES:
        for block in shell_blocks(page):
            commands = [line for line in block.commands if (note := block.noted(line)) and note.test == test]
            if commands:
                found.setdefault((page.relative_to(ROOT).as_posix(), block.heading), []).extend(commands)
    return found


def blocks_in(text: str) -> Iterator[Block]:
    """Every fenced block."""
    lines = iter(enumerate(text.splitlines(), 1))
    before: list[str] = []
    heading = ""
    for number, line in lines:
        if fence := _FENCE.match(line):
            indent = len(fence[1])
            body = []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                body.append(inner[indent:] + "\n")
            notes: list[Note] = []
            while before and (note := _NOTE.fullmatch(before[-1])):
                notes.insert(0, Note(note[1] or "", note[2]))
                before.pop()
            machine = _MACHINE.search(before[-1]) if before else None
            yield Block(machine[1] if machine else "", tuple(notes), "".join(body), number, fence[2], heading)
            before = []
        elif line.strip():
            if line.startswith("#"):
                heading = line.lstrip("# ")
            before.append(line)


def unfenced(text: str) -> list[int]:
    """The lines at which a block begins that is indented instead of fenced, from 1."""
    found: list[int] = []
    inside = False
    above = ""
    for number, line in enumerate(text.splitlines(), 1):
        if _FENCE.match(line):
            inside = not inside
        elif not inside and not above.strip() and re.match(r" {4}", line):
            found.append(number)
        above = line
    return found
