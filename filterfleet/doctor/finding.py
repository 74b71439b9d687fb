"""What a check has found."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple


class Level(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """A fact in a sentence, and what to do about it, in another; nothing where there is nothing to do."""

    check: str
    level: Level
    says: str
    do: str = ""


def ok(check: str, says: str) -> Finding:
    return Finding(check, Level.OK, says)


def warning(check: str, says: str, do: str = "") -> Finding:
    return Finding(check, Level.WARNING, says, do)


def problem(check: str, says: str, do: str = "") -> Finding:
    return Finding(check, Level.PROBLEM, says, do)


def has_problem(findings: Iterable[Finding]) -> bool:
    return any(finding.level is Level.PROBLEM for finding in findings)
