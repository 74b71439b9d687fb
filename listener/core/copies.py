"""Which outputs are being copied for other paths with the same content: they must not be replaced meanwhile."""

from __future__ import annotations

from collections import Counter

from filterfleet.common.wire import Result
from filterfleet.listener.core.sidecar import without_sidecar
from filterfleet.listener.core.work import Work


class Copies:
    def __init__(self) -> None:
        self._originals: Counter[str] = Counter()  # by path, the works that copy its outputs

    def __contains__(self, path: str) -> bool:
        """Whether the outputs of this path are being copied."""
        return path in self._originals

    def begin(self, work: Work, original: str, result: Result) -> None:
        """The work gets the outputs of another path, which result describes."""
        work.original, work.result = original, without_sidecar(result)
        self._originals[original] += 1

    def end(self, work: Work) -> None:
        """The copy is in its place, or will not be made. Nothing happens to a work that is none."""
        if work.original:
            self._originals[work.original] -= 1
            self._originals += Counter()  # without those at zero
            work.original = ""
