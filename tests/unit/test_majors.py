"""Peers of another major version of the wire are told apart, answered, and named."""

from __future__ import annotations

import msgspec
import pytest

from filterfleet.broker.actions import Note, SendFrames, Side
from filterfleet.broker.outbox import Outbox
from filterfleet.broker.versions import KEPT, MOST, PAUSE, OtherVersions
from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import READY
from filterfleet.common.wire.majors import NOTICE_LIMIT, foreign, notice
from tests.unit.broker_rig import Rig

pack = msgspec.msgpack.encode
OURS, NEXT = b"fx1|peer", b"fx2|peer"


@pytest.mark.parametrize(
    ("frames", "peer", "major"),
    [
        ([b"", b"PPX1", b"map"], OURS, None),
        ([b"", b"PPX2", b"map"], OURS, 2),
        ([b"", b"PPX999"], OURS, 999),
        ([b"", b"PPX", pack({"speaks": 3, "later": "a key"})], OURS, 3),
        ([b"", b"PPX", pack({"speaks": 1})], OURS, None),
        (notice(), OURS, None),
        ([READY], OURS, None),
        ([READY], NEXT, 2),
        ([b"", b"PPX1", b"map"], b"fx17|peer", 17),
        # Not ours, and no version of it: a basic peer may call itself anything and send anything.
        ([b"", b"PPX2", b"map"], b"basic", None),
        ([b"", b"PPX2", b"map"], b"fx|peer", None),
        ([b"", b"PPX2", b"map"], b"fx0|peer", None),
        ([b"", b"PPX2", b"map"], b"fx2000|peer", None),
        ([b"", b"PPX1000"], OURS, None),
        ([b"", b"PPX02"], OURS, None),
        ([b"address", b"", b"PPX2"], OURS, None),
        ([b""], OURS, None),
    ],
)
def test_the_version_of_a_message(frames, peer, major):
    assert foreign(frames, peer) == major


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b"not a map"],
        [pack({"speaks": 0})],
        [pack({"speaks": 1000})],
        [pack({"speaks": "2"})],
        [pack({})],
        [pack({"speaks": 2}), b"more"],
        [pack({"speaks": 2, "long": "x" * NOTICE_LIMIT})],
        [b"\x91" * 600],
    ],
)
def test_a_notice_that_cannot_be_read(frames):
    with pytest.raises(ProtocolError):
        foreign([b"", b"PPX", *frames], OURS)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("frames", [[READY], [b"", b"PPX2", b"what we do not understand"], [b"\x01\x02", b"", b"x"]])
def test_a_broker_registers_nobody_that_speaks_another_version(side, frames):
    rig = Rig()
    actions = rig.core.on_message(side, NEXT, frames, rig.now)
    assert [action.frames for action in actions if isinstance(action, SendFrames)] == [tuple(notice())]
    report = rig.core.report(rig.now)
    assert (report.workers, report.clients, report.tasks) == ((), 0, 0)
    role = "worker" if side is Side.BACKEND else "client"
    said = f"the {role} at an unknown address speaks PPX2, this broker PPX1: upgrade this broker"
    assert report.versions == (said,)
    assert [note.fields["reason"] for note in actions if isinstance(note, Note)] == [said]
    assert rig.core.report(rig.now + KEPT).versions == ()


def test_one_that_keeps_on_is_told_now_and_then_and_many_are_bounded():
    outbox = Outbox()
    versions = OtherVersions(outbox, lambda _side, peer: (peer.decode(), "10.0.0.7"))
    for number in range(100):
        versions.meet(Side.BACKEND, b"desk", 2, 0.01 * number)
    actions = outbox.take()
    assert len(actions) == 2  # one line, one notice
    assert outbox.counters["another_version"] == 100
    versions.meet(Side.BACKEND, b"desk", 2, PAUSE)
    assert [type(action) for action in outbox.take()] == [SendFrames]
    for number in range(1000):
        versions.meet(Side.FRONTEND, b"%d" % number, 2, PAUSE + number / 1000)
    sentences = versions.sentences(PAUSE + 1)
    assert len(sentences) == MOST
    assert "the client 999 speaks PPX2, this broker PPX1: upgrade this broker" in sentences
