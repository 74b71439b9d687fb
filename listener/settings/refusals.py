"""A selection that remembers which images it has refused, and why: for a user who asks what would be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from filterfleet.common.jobs.names import is_image_name
from filterfleet.common.text import size_text
from filterfleet.listener.settings.patterns import Patterns
from filterfleet.listener.settings.selection import IGNORE_FILE, Selection


@dataclass(frozen=True)
class Explained(Selection):
    """refused: the reason for each image that was not wanted, by path. What lies in a folder that is excluded as a
    whole is not among them, because nobody looks into that."""

    refused: dict[str, str] = field(default_factory=dict, compare=False)

    def wants(self, path: str, size: int) -> bool:
        if super().wants(path, size):
            return True
        if is_image_name(path):
            self.refused[path] = self._reason(path, size)
        return False

    def _reason(self, path: str, size: int) -> str:
        if self.max_size is not None and size > self.max_size:
            return f"larger than {size_text(self.max_size)} (--max-size)"
        return next(why for patterns, wanted, why in self._explained if patterns.match(path) is not wanted)

    @cached_property
    def _explained(self) -> list[tuple[Patterns, bool, str]]:
        rules = (
            (self.never, False, "in a bin or a thumbnail folder (--no-default-excludes takes it)"),
            (self.include, True, "matched by no --include"),
            (self.exclude, False, "matched by --exclude"),
            (self.ignored, False, f"matched by {IGNORE_FILE}"),
        )
        return [(Patterns(lines), wanted, why) for lines, wanted, why in rules if lines]
