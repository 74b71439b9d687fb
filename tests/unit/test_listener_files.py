"""Files that the listener's core holds open: each is closed once nobody needs it."""

from __future__ import annotations

from filterfleet.common.payload import OpenFile
from filterfleet.common.wire import Result
from filterfleet.listener.core.actions import (
    Close,
)
from filterfleet.listener.core.events import (
    Copied,
    Ended,
    Loaded,
    Written,
)
from tests.unit.listener_rig import DIGEST, DONE, JOB, OUTPUTS, V1, V2, Rig, of


class File(OpenFile):
    """Bytes that pass for those of a file."""

    def __len__(self) -> int:
        return 10

    def read(self, offset: int, length: int) -> bytes:
        return b"0123456789"[offset : offset + length]

    def close(self) -> None: ...


def test_files_are_closed_when_nobody_needs_them():
    rig = Rig()
    rig.lists(a=V1, b=V2)
    first, second, output = File(), File(), File()
    rig.on(Loaded("a", DIGEST, first))
    assert rig.on(Loaded("b", DIGEST, second)) == [Close(second)], "the engine reads the first one"
    assert of(Close, rig.on(Ended(JOB, Result(JOB, OUTPUTS, {}, (output,))))) == [Close(first)]
    assert of(Close, rig.on(Written("a", 0.5))) == []
    assert of(Close, rig.on(Written("b", 0.5))) == [Close(output)]


def test_the_image_of_a_twin_is_closed_when_its_outputs_are_copied():
    rig = Rig()
    rig.lists(a=V1)
    for event in (Loaded("a", DIGEST, b"image"), DONE, Written("a", 0.5)):
        rig.on(event)
    rig.lists_next({"a": V1, "b": V2})
    image = File()
    assert of(Close, rig.on(Loaded("b", DIGEST, image))) == []
    assert of(Close, rig.on(Copied("b", found=True))) == [Close(image)]
