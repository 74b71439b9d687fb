"""Which of a source's images are wanted: patterns in the syntax of gitignore, from the command line and from an ignore
file in the source, and a largest size."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from filterfleet.common.errors import FleetError
from filterfleet.common.text import printable

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".filterfleetignore"


@dataclass(frozen=True)
class Selection:
    """Paths are relative to the source's root, with '/' between folders; what a pattern means, `man gitignore` says.

    ignored: the good lines of the ignore file; problems: a sentence for each of the others.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_size: int | None = None  # bytes
    ignored: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises FleetError for a pattern of the command line that can match nothing."""
        for patterns in (self.include, self.exclude):
            for pattern in patterns:
                if problem := _problem(pattern):
                    raise FleetError(problem)
            if patterns and patterns[0].startswith("!"):
                raise FleetError(
                    f"The pattern {printable(patterns[0])!r} takes back what a pattern before it matches, and there is "
                    "none: use --exclude instead of --include '!...', and the other way round."
                )

    def with_ignore_file(self, text: str) -> Selection:
        """The same with the lines of this ignore file, instead of an earlier one's. As for git, a bad line is passed
        over and the others count; what is wrong with it is in problems."""
        lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
        lines = [line for line in lines if line.strip() and not line.startswith("#")]
        problems = {line: _problem(line) for line in lines}
        return replace(
            self,
            ignored=tuple(line for line in lines if not problems[line]),
            problems=tuple(filter(None, problems.values())),
        )

    def wants(self, path: str, size: int) -> bool:
        """size in bytes. Any string is a path, also one with line breaks or surrogates."""
        if self.max_size is not None and size > self.max_size:
            return False
        path = path.replace("\n", "\ufffd")  # in the library's expressions '.' matches all but this
        return all(match(path) is wanted for match, wanted in self._rules)

    @cached_property
    def _rules(self) -> list[tuple[Callable[[str], bool], bool]]:
        """What every image has to answer, and how."""
        rules = ((self.include, True), (self.exclude, False), (self.ignored, False))
        return [(_compiled(patterns).match_file, wanted) for patterns, wanted in rules if patterns]


def _compiled(patterns: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # only who has patterns pays for it
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    def pattern(line: str) -> GitIgnoreSpecPattern:
        expression, include = GitIgnoreSpecPattern.pattern_to_regex(line)
        return GitIgnoreSpecPattern(expression and re.compile(_steady(expression)), include)

    # The library's other engines take no surrogates, and which of them are there differs from machine to machine.
    return GitIgnoreSpec.from_lines(patterns, pattern, backend="simple")


_STAR = "[^/]*"
_HEAD, _MIDDLE = "^(?:.+/)?", "(?:/.+)?"  # of '**/' and of '/**/'


def _steady(expression: str) -> str:
    """A pattern's regular expression that finds the same in a time that does not explode with the number of its stars:
    names and ignore files may come from anybody.

    What stands between two stars may as well be where it is found first, since the second one takes all that follows.
    """
    *fixed, last = [_steady_stars(part) for part in expression.split(_MIDDLE)]
    if not fixed:
        return last
    first, *others = fixed
    if first.startswith(_HEAD):
        first = f"^(?>(?:.+?/)??{first.removeprefix(_HEAD)}(?=/))"
    return "".join([first, *(f"(?>(?:/.+?)??{part}(?=/))" for part in others), _MIDDLE, last])


def _steady_stars(expression: str) -> str:
    first, *others = expression.split(_STAR)
    if not others:
        return first
    *between, last = others
    return "".join([first, *(f"(?>{_STAR}?{part})" for part in between), _STAR, last])


def _problem(pattern: str) -> str:
    """What is wrong with it, as a sentence, or nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of re, about sets such as [[:alpha:]] that it would not take as git does
            usable = any(compiled.include is not None for compiled in _compiled([pattern]).patterns)
    except (ValueError, re.error, Warning):
        usable = False
    hint = "write one as in a .gitignore, such as '*.png' or 'drafts/'"
    return "" if usable else f"{printable(pattern)!r} is no pattern: {hint}."
