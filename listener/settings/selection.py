"""Which images of a source the user wants: gitignore patterns, given on the command line and in an ignore file in the
source, a size limit, and a list of names that are nobody's photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.names import format_of_name
from filterfleet.common.text import printable
from filterfleet.listener.settings.patterns import Patterns, compile_pattern

IGNORE_FILE = ".filterfleetignore"

# Thumbnails and bins of network drives and systems, and files that programs leave beside an open one. The list is also
# in docs/user-guide.md. A cloud's listing takes them as rclone's filter rules, so they may have no wildcard but "*".
DEFAULT_EXCLUDES = ("@eaDir/", r"\#recycle/", "$RECYCLE.BIN/", ".Trash-*", "~$*", "Thumbs.db")


@dataclass(frozen=True)
class Selection:
    """A rule for paths relative to the source's root, with "/" between folders.

    An image is wanted if it matches include (or include is empty), matches none of exclude, ignored and never, and has
    at most max_size bytes. ignored holds the valid lines of the ignore file, problems one sentence for each invalid
    line. sniff: a file without an extension is an image if its first bytes say so. unreadable: formats whose library is
    not on this machine.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_size: int | None = None  # bytes
    ignored: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    never: tuple[str, ...] = DEFAULT_EXCLUDES
    sniff: bool = False
    unreadable: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises FleetError for an include or exclude pattern that cannot match anything."""
        for patterns in (self.include, self.exclude):
            for pattern in patterns:
                if problem := _problem(pattern):
                    raise FleetError(problem)
            if patterns and patterns[0].startswith("!"):
                raise FleetError(
                    f"The pattern {printable(patterns[0])!r} takes back a match of an earlier pattern, but there is no "
                    "earlier pattern: use --exclude instead of --include '!...', and the other way round."
                )

    def with_ignore_file(self, text: str) -> Selection:
        """The same selection with the lines of this ignore file in place of an earlier file's.

        As in git, an invalid line does not spoil the others. problems says what is wrong with it.
        """
        lines = [line.rstrip("\r") for line in text.removeprefix("\ufeff").split("\n")]
        lines = [line for line in lines if line.strip() and not line.startswith("#")]
        problems = {line: _problem(line) for line in lines}
        return replace(
            self,
            ignored=tuple(line for line in lines if not problems[line]),
            problems=tuple(filter(None, problems.values())),
        )

    def wants(self, path: str, size: int) -> bool:
        """Whether the user wants this image. size: in bytes. A path may hold any character, even a line break."""
        if self.max_size is not None and size > self.max_size:
            return False
        return all(patterns.match(path) is wanted for patterns, wanted in self._rules)

    def takes(self, path: str) -> bool:
        """Whether a file is taken for an image by its name. One of an unreadable format is taken only if an include
        pattern names it, for workers that have the library.
        """
        image_format = format_of_name(path)
        return image_format is not None and (image_format not in self.unreadable or self._names(path))

    def _names(self, path: str) -> bool:
        """Whether an include pattern matches the path because of its extension, as *.dng does and trip/ does not."""
        other = f"{path.rpartition('.')[0]}.\0"
        return any(pattern.match(path) and not pattern.match(other) for pattern in self._each_include)

    def shuns(self, folder: str) -> bool:
        """Whether everything in this folder is excluded, so that nobody needs to look into it.

        Patterns count only if no other of theirs takes anything back.
        """
        return any(patterns.match(f"{folder}/") for patterns in self._final)

    @cached_property
    def _final(self) -> list[Patterns]:
        """The patterns that exclude things for good."""
        groups = (self.never, self.exclude, self.ignored)
        return [Patterns(lines) for lines in groups if lines and not any(line.startswith("!") for line in lines)]

    @cached_property
    def _each_include(self) -> list[Patterns]:
        return [Patterns([line]) for line in self.include]

    @cached_property
    def _rules(self) -> list[tuple[Patterns, bool]]:
        """Patterns, and whether a wanted image has to match them or must not match them."""
        rules = ((self.never, False), (self.include, True), (self.exclude, False), (self.ignored, False))
        return [(Patterns(lines), wanted) for lines, wanted in rules if lines]


def _problem(pattern: str) -> str:
    """A sentence about an invalid pattern; empty for a valid one."""
    try:
        compile_pattern(pattern)
    except ValueError:
        hint = "write one as in a .gitignore, such as '*.png' or 'drafts/'"
        return f"{printable(pattern)!r} is not a valid pattern: {hint}."
    return ""
