"""The outputs of one result on their way to the client, one after the other."""

from __future__ import annotations

from filterfleet.common import wire
from filterfleet.common.wire.actions import Store
from filterfleet.common.wire.pull import Pull


class Fetch:
    """Pulls each output of a result into a blob of its own. `blobs` are the numbers of these blobs, in order; the first
    one is given."""

    __slots__ = ("_number_of", "_pulls", "blobs", "result")

    def __init__(self, result: wire.Result, first_blob: int) -> None:
        self.result = result
        self.blobs = range(first_blob, first_blob + len(result.outputs))
        self._pulls = {number: Pull(output.size) for number, output in zip(self.blobs, result.outputs, strict=True)}
        self._number_of = {output.name: number for number, output in zip(self.blobs, result.outputs, strict=True)}

    @property
    def complete(self) -> bool:
        """Whether every output has been stored."""
        return all(pull.complete for pull in self._pulls.values())

    def requests(self, now: float) -> list[wire.Get]:
        """What to ask for now. An output is begun when the one before it is complete."""
        for name, number in self._number_of.items():
            pull = self._pulls[number]
            if not pull.complete:
                return [wire.Get(self.result.id, name, offset, length) for offset, length in pull.requests(now)]
        return []

    def take(self, data: wire.Data) -> Store | None:
        """How to store this part of an output; None when it was not asked for or has arrived before."""
        number = self._number_of.get(data.blob)
        part = data.payload[0]
        if number is None or not self._pulls[number].take(data.offset, len(part)):
            return None
        return Store(number, data.offset, part)

    def stored(self, blob: int, offset: int) -> None:
        """A part that take() admitted has been written."""
        self._pulls[blob].stored(offset)
