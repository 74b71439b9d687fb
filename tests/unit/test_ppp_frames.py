"""RFC 6/PPP as it is written: the octets of the commands, and the envelope."""

import math
import re
import typing
from pathlib import Path

import msgpack
import pytest

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import (
    HEARTBEAT,
    PPX,
    READY,
    ROWS_LIMIT,
    TAG,
    Accepteds,
    Column,
    Data,
    Envelope,
    Heartbeat,
    Message,
    Ready,
    Result,
    ResultOk,
    ResultOks,
    Results,
    StatusRequest,
    Submit,
    Submits,
    Tasks,
    encode,
    new_identity,
    parse,
)
from filterfleet.common.wire.codec import FRAMES_LIMIT
from filterfleet.common.wire.messages import OutputFile


def test_ready_and_heartbeat_are_the_octets_of_the_rfc():
    assert (READY, HEARTBEAT) == (b"\x01", b"\x02")
    assert parse([b"\x01"], extended=False) == Ready()
    assert parse([b"\x02"], extended=True) == Heartbeat()


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\x03", b"\x01\x01", b"READY"])
def test_any_other_single_frame_is_refused(frame):
    with pytest.raises(ProtocolError):
        parse([frame], extended=False)


def test_every_message_goes_by_its_name_on_the_wire():
    names = [
        "HELLO",
        "TASK",
        "ACCEPTED",
        "BUSY",
        "CATALOGUE",
        "STATUS",
        "CREDIT",
        "NACK",
        "DRAIN",
        "SUBMIT",
        "STATUSREQUEST",
        "RESULT",
        "FAILED",
        "RESULTOK",
        "CANCEL",
        "BEAT",
        "GET",
        "DATA",
        "SUBMITS",
        "ACCEPTEDS",
        "TASKS",
        "RESULTS",
        "RESULTOKS",
    ]
    assert [kind.__struct_config__.tag for kind in typing.get_args(Message)] == names
    assert ResultOk(b"job").NAME == "RESULTOK"
    assert msgpack.unpackb(encode([ResultOk(b"job")])[2]) == [{"type": "RESULTOK", "id": b"job"}]


def test_an_envelope_is_address_stack_delimiter_and_body():
    assert parse([b"a", b"b", b"", b"x", b"", b"y"], extended=False) == Envelope((b"a", b"b"), (b"x", b"", b"y"))
    assert parse([b"", b"x"], extended=False) == Envelope((), (b"x",))
    assert parse([b"", b""], extended=False) == Envelope((), (b"",))


def test_an_envelope_needs_a_delimiter_and_something_behind_it():
    for frames in ([b"a", b""], [b"a", b"b"], [b"a" * 256, b"", b"x"]):
        with pytest.raises(ProtocolError):
            parse(frames, extended=False)


def test_the_mark_of_the_extension_counts_only_from_a_tagged_peer():
    frames = encode([StatusRequest()])
    assert frames[:2] == [b"", PPX]
    assert parse(frames, extended=True) == [StatusRequest()]
    assert parse(frames, extended=False) == Envelope((), tuple(frames[1:]))


def test_a_tagged_peer_may_still_send_an_rfc_envelope():
    assert parse([b"token", b"", b"reply"], extended=True) == Envelope((b"token",), (b"reply",))
    assert parse([b"", b"request"], extended=True) == Envelope((), (b"request",))


@pytest.mark.parametrize("count", [0, FRAMES_LIMIT + 1])
def test_a_message_has_frames_but_not_too_many(count):
    with pytest.raises(ProtocolError):
        parse([b""] * count, extended=True)


@pytest.mark.parametrize(
    "wrong",
    [
        Submit(b"j", b"", (), 0, 3, (b"four",)),
        Submit(b"j", b"", (), 0, 4, (b"fo", b"ur")),
        Result(b"j", (OutputFile("a", "png", 1), OutputFile("b", "png", 1)), {}, (b"x",)),
        Result(b"j", (OutputFile("a", "png", 2),), {}, (b"x",)),
        Data(b"j", "", 0, ()),
        Data(b"j", "", 0, (b"x", b"y")),
        Submit(b"", b"", (), 0, 0),
        Submit(b"j", b"", (), 10, 0),
        Submit(b"j", b"", (), 0, -1),
        Result(b"j", (), {"deep": [[[[[[[[[[0]]]]]]]]]]}),
        Submits((), b"", (), 0, ()),
        Submits((b"j", b"k"), b"", (), 0, (4,), (b"four",)),
        Submits((b"j", b"k"), b"", (), 0, (2, 2), (b"thr",)),
        Submits((b"j", b"k"), b"", (), 0, (2, 2), (b"fo", b"ur")),
        Submits((b"j", b"k"), b"", (), 0, (2, 2)),
        Submits((b"j", b"k"), b"", (), 0, (5, -1), (b"four",)),
        Submits((b"j", b"j"), b"", (), 0, (2, 2), (b"four",)),
        Submits((b"j",), b"", (), 0, (0,), (b"",)),
        Submits(tuple(b"%d" % n for n in range(ROWS_LIMIT + 1)), b"", (), 0, (0,) * (ROWS_LIMIT + 1)),
        Accepteds((b"j", b"")),
        ResultOks((b"j", b"j")),
        Tasks((b"j",), b"", (1, 1), 1.0, (b"xx",)),
        Tasks((b"j",), b"", (2,), math.nan, (b"xx",)),
        Results((b"j", b"k"), (Column("a", "png"),), (1, 1), {"n": [1]}, (b"xx",)),
        Results((b"j",), (Column("a", "png"),), (1,), {"n": [[1]]}, (b"x",)),
        Results((b"j",), (Column("a", "png"),), (1,), {"n": ["x" * (64 << 10)]}, (b"x",)),
        Results((b"j",), (Column("a", "png"), Column("a", "png")), (1, 1), {}, (b"xx",)),
        Results((b"j",), (Column("a", "png"),), (1, 1), {}, (b"xx",)),
    ],
)
def test_what_contradicts_itself_or_its_limits_is_refused(wrong):
    with pytest.raises(ProtocolError):
        parse(encode([wrong]), extended=True)


def test_left_over_payload_is_refused():
    with pytest.raises(ProtocolError):
        parse([*encode([StatusRequest()]), b"more"], extended=True)


def test_routing_ids_are_tagged_fresh_and_short_enough():
    class Dice:
        def __init__(self):
            self.rolls = 0

        def randbytes(self, count):
            self.rolls += 1
            return bytes([self.rolls]) * count

    dice = Dice()
    one, other = new_identity(dice), new_identity(dice)
    assert one != other
    assert one.startswith(TAG)
    assert len(one) <= 255


def test_the_example_of_the_protocol_is_what_the_codec_reads():
    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    example = text[text.index("frame 1  (empty)") :].partition("```")[0]
    frames = [b""] * 4
    number = 0
    for line in example.splitlines():
        if found := re.match(r"frame (\d)", line):
            number = int(found[1]) - 1
        frames[number] += bytes.fromhex("".join(re.findall(r"(?<= )[0-9a-f]{2}(?= )", f"{line[:62]} "[8:])))
    (submits,) = parse(frames, extended=True)
    assert submits == Submits((b"job-1", b"job-2"), b"R", ("canny",), 5, (3, 2), (b"abcde",), ("edges",), 64)
    assert encode([submits]) == frames
