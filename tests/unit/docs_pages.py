"""The shell blocks of a page for users: on which machine each belongs, and which of them nobody can run here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The pages whose commands are run: one for each kind of place where a fleet may live.
PAGES = ("one-machine", "lan", "cluster", "kubernetes", "containers")

_NOTE = re.compile(r"<!-- (.*) -->")
_MACHINE = re.compile(r"\bOn `(\w+)`")


@dataclass(frozen=True)
class Block:
    """machine: as the text before it calls it; empty where a page is about one. note: why it is not run with the page,
    or which test runs it; empty if it is run."""

    machine: str
    note: str
    body: str

    @property
    def commands(self) -> list[str]:
        """One in each line, comments included."""
        return [line for line in self.body.replace("\\\n", " ").splitlines() if line.strip()]


def blocks_of(page: str) -> list[Block]:
    """The blocks of docs/PAGE.md, in order."""
    return list(_blocks((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")))


def _blocks(text: str) -> Iterator[Block]:
    before, *rest = text.split("```sh\n")
    for part in rest:
        body, _, after = part.partition("```\n")
        *_, last = [line for line in before.splitlines() if line.strip()] or [""]
        note = _NOTE.fullmatch(last)
        machine = _MACHINE.search(last)
        yield Block(machine[1] if machine else "", note[1] if note else "", body)
        before = after
