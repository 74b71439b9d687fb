"""What commands print on a terminal: names are shown as they are, and none of them can control it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from filterfleet.common.text import one_line, printable
from filterfleet.listener.core.left_alone import sentence
from filterfleet.listener.ledger.ledger import Failure


def plain_console(*, stderr: bool = False) -> Console:
    """A console that takes brackets and colons in names for what they are, and not for markup or emoji."""
    return Console(stderr=stderr, markup=False, emoji=False)


def print_failures(console: Console, failures: Sequence[Failure]) -> None:
    for failure in failures:
        said = f" {printable(failure.path)}: {one_line(failure.reason)}"
        console.print(Text.assemble(("failed", "red"), said), soft_wrap=True)


def print_left_alone(console: Console, counts: Mapping[str, int]) -> None:
    if said := sentence(counts):
        console.print(printable(said), soft_wrap=True)
