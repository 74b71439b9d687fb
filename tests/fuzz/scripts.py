"""The course of a test as bytes: peers speak, one after the other, and time passes.

A step is: who speaks (1 byte), how long it was quiet before (1 byte), the number of frames (1 byte), then each frame
behind its length (2 bytes). Any bytes are a script, so a fuzzer may change them as it likes: what is missing at the end
is empty.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST = 64  # steps of one script
SLOWEST = 16.0  # seconds of quiet that one step can bring


@dataclass(frozen=True, slots=True)
class Step:
    who: int
    quiet: int  # of 256 parts of SLOWEST, quadratic: short ones are finer
    frames: tuple[bytes, ...]

    @property
    def seconds(self) -> float:
        return SLOWEST * (self.quiet / 256) ** 2


def pack(steps: Iterable[Step]) -> bytes:
    """Raises ValueError or OverflowError for a step that no script can have."""
    return b"".join(
        bytes((step.who, step.quiet, len(step.frames)))
        + b"".join(len(frame).to_bytes(2, "little") + frame for frame in step.frames)
        for step in steps
    )


def unpack(script: bytes) -> Iterator[Step]:
    stream = io.BytesIO(script)
    for _ in range(LONGEST):
        if len(head := stream.read(3)) < 3:
            return
        who, quiet, count = head
        yield Step(who, quiet, tuple(_frame(stream) for _ in range(count)))


def _frame(stream: io.BytesIO) -> bytes:
    return stream.read(int.from_bytes(stream.read(2), "little"))
