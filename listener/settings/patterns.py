r"""gitignore patterns (https://git-scm.com/docs/gitignore#_pattern_format), compiled to regular expressions.

Anybody may choose the text of a pattern and the name of a file, and the obvious expression for "*a*a*a*b" takes
exponential time. Ours does not, because whatever stands between two stars can be matched where it is found first: the
second star takes all that follows. So every star but the last becomes an atomic group, (?>...), in which the regular
expression engine never tries a second way. The same holds for "**".

Three details differ from git. A match below an excluded folder can be taken back ("drafts/" followed by
"!drafts/final.jpg"), "a/**/" also matches the files directly in a, and POSIX classes such as [[:alpha:]] are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      \\ (?P<escaped>.)
    | (?P<stars>\*+)
    | (?P<any>\?)
    | \[ (?P<negated>[!^]?+) (?P<set>]?+ [^]]*+) ]
    | (?P<literal>[^\\\[])
    """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(r"(?P<low>.)(?:-(?P<high>.))?", re.DOTALL)  # of a set
_STAR = "[^/]*"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a gitignore file. included: False for a line that begins with "!"."""

    expression: re.Pattern[str]
    included: bool


class Patterns:
    """The lines of a gitignore file, in their order."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Raises ValueError for a line that compile_pattern() refuses."""
        self._last_first = [compile_pattern(line) for line in lines][::-1]
        # Every file of every scan is matched. Where nothing is taken back, one expression says it in a quarter of the
        # time.
        self._any: re.Pattern[str] | None = None
        if self._last_first and all(pattern.included for pattern in self._last_first):
            self._any = re.compile("|".join(pattern.expression.pattern for pattern in self._last_first), re.DOTALL)

    def match(self, path: str) -> bool:
        """Whether a file with this path is matched; folders are separated by "/".

        The last pattern that matches the file itself decides. If there is none, the last pattern that matches one of
        its folders decides.
        """
        if self._any is not None:
            return self._any.match(path) is not None
        by_folder = None
        for pattern in self._last_first:
            found = pattern.expression.match(path)
            if found is None:
                continue
            if found.lastindex is None:
                return pattern.included
            if by_folder is None:
                by_folder = pattern.included
        return bool(by_folder)


def compile_pattern(line: str) -> Pattern:
    """The expression matches the beginning of a path, and its only group the "/" after a folder that is meant.

    Raises ValueError for a line that is not a pattern: it is blank, a comment, malformed, or cannot match anything.
    """
    text = line if line.endswith("\\ ") else line.rstrip()
    if not text or text.startswith("#") or text == "/":
        raise ValueError("nothing to match")
    included = not text.startswith("!")
    segments = text.removeprefix("!").split("/")
    folder = not segments[-1]
    return Pattern(re.compile(_expression(_normal(segments), folder=folder), re.DOTALL), included)


def _normal(segments: list[str]) -> list[str]:
    """The same pattern as a path from the root, in which "**" stands for any number of folders: a.jpg is **/a.jpg, and
    a/ is **/a/**."""
    first, *others = segments
    if not first:
        segments = others
    elif others in ([], [""]) and first != "**":
        segments = ["**", *segments]
    if not segments:
        raise ValueError("nothing to match")
    if not segments[-1]:
        segments = [*segments[:-1], "**"]
    return [segment for segment, before in zip(segments, ["", *segments], strict=False) if {segment, before} != {"**"}]


def _expression(segments: list[str], *, folder: bool) -> str:
    """folder: only what is below a matching folder is meant, not a file of that name."""
    end = r"(?:(/)|\Z)"
    if segments[-1] == "**":
        end = "(/)" if folder else "/"
        segments = segments[:-1]
    if not segments:  # "**/" matches whatever is in a folder, and "**" everything
        return ".*?(/)" if folder else ""
    anywhere = segments[0] == "**"
    first, *others = _runs(segments[anywhere:])
    if not others:
        return ("(?:.*/)?" if anywhere else "") + first + end
    *between, last = others
    beginning = f"(?>(?:.*?/)??{first}(?=/))" if anywhere else first
    return "".join([beginning, *(f"(?>(?:/.+?)??/{run}(?=/))" for run in between), f"(?:/.+)?/{last}", end])


def _runs(segments: list[str]) -> list[str]:
    """The expressions of the segments between two "**", joined."""
    runs: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            runs.append([])
        else:
            runs[-1].append("[^/]+" if segment == "*" else _segment(segment))
    return ["/".join(run) for run in runs]


def _segment(glob: str) -> str:
    """Raises ValueError for a set without its end, and for a backslash at the end."""
    pieces = [""]
    position = 0
    while position < len(glob):
        token = _TOKEN.match(glob, position)
        if token is None:
            raise ValueError("malformed")
        position = token.end()
        match token.lastgroup:
            case "stars":
                pieces.append("")
            case "any":
                pieces[-1] += "[^/]"
            case "set":
                pieces[-1] += _set(token["set"], negated=bool(token["negated"]))
            case kind:
                assert kind is not None
                pieces[-1] += re.escape(token[kind])
    first, *others = pieces
    if not others:
        return first
    *between, last = others
    return "".join([first, *(f"(?>{_STAR}?{piece})" for piece in between), _STAR, last])


def _set(text: str, *, negated: bool) -> str:
    """One character, never a slash. Raises ValueError for what other programs read as a class or as a set operation."""
    if text.startswith("[") and not negated:
        raise ValueError("a set in a set")
    members = ""
    for member in _MEMBER.finditer(text):
        low, high = member["low"], member["high"]
        doubled = member.start() > 0 and low in "-&~|" and text[member.start() + 1 :].startswith(low)
        if doubled or high == "-" or (high and high < low):
            raise ValueError("not a set of characters and ranges")
        members += re.escape(low) + (f"-{re.escape(high)}" if high else "")
    return f"(?!/)[{'^' if negated else ''}{members}]"
