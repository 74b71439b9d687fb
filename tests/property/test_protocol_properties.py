"""The wire: an encoded message comes back as it was, and anything else is a ProtocolError and nothing worse."""

import contextlib
import typing

import msgpack
from hypothesis import Phase, example, find, given, settings
from hypothesis import strategies as st

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import PPX, Envelope, Heartbeat, Message, Ready, encode, parse
from tests.property.messages import messages

frames = st.lists(st.binary(max_size=300), max_size=6)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.binary(), inner, max_size=4),
    max_leaves=12,
)
MESSAGE_TYPES = typing.get_args(Message)


def parsed_or_refused(wire, *, extended=True):
    try:
        found = parse(wire, extended=extended)
    except ProtocolError:
        return None
    if isinstance(found, list):
        assert found
        assert all(isinstance(message, MESSAGE_TYPES) for message in found)
        assert encode(found)  # a message that was accepted can be relayed
    else:
        assert isinstance(found, Ready | Heartbeat | Envelope)
    return found


@given(st.lists(messages, min_size=1, max_size=5))
def test_what_is_encoded_comes_back_as_it_was(batch):
    assert parse(encode(batch), extended=True) == batch


@given(messages)
def test_payload_may_arrive_as_views_of_foreign_memory(message):
    views = [memoryview(frame) for frame in encode([message])]
    assert parse(views, extended=True) == [message]


def test_the_strategies_reach_every_message_type():
    any_will_do = settings(phases=[Phase.generate], max_examples=1000)  # not the smallest one
    for kind in MESSAGE_TYPES:
        find(messages, lambda message, kind=kind: isinstance(message, kind), settings=any_will_do)


@given(frames, st.booleans())
@example([], True)
@example([b"", PPX], True)
@example([b"", PPX, b"\x90"], True)
@example([b"", PPX, b"\xc1"], True)
@example([b"", PPX, b"\xc7\x00\xff"], True)
@example([b"", PPX, b"\x91" * 5000], True)
def test_arbitrary_frames_are_a_message_or_refused(wire, extended):
    parsed_or_refused(wire, extended=extended)


@given(plain, frames)
def test_arbitrary_maps_are_a_message_or_refused(header, payload):
    parsed_or_refused([b"", PPX, msgpack.packb(header), *payload])


@given(messages, st.data())
@settings(max_examples=300)
def test_a_message_with_one_field_changed_is_a_message_or_refused(message, data):
    wire = encode([message])
    item = msgpack.unpackb(wire[2])[0]
    field = data.draw(st.sampled_from(sorted(item)))
    if data.draw(st.booleans()):
        del item[field]
    else:
        item[field] = data.draw(plain)
    parsed_or_refused([*wire[:2], msgpack.packb([item]), *wire[3:]])


@given(messages, st.data())
@settings(max_examples=300)
def test_a_cut_or_corrupted_message_is_a_message_or_refused(message, data):
    wire = [bytes(frame) for frame in encode([message])]
    index = data.draw(st.integers(0, len(wire) - 1))
    frame = bytearray(wire[index])
    if frame and data.draw(st.booleans()):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    else:
        del frame[data.draw(st.integers(0, len(frame))) :]
    parsed_or_refused([*wire[:index], bytes(frame), *wire[index + 1 :]])


@given(messages, st.data())
def test_a_lost_frame_never_yields_the_message_it_belonged_to(message, data):
    wire = encode([message])
    lost = data.draw(st.integers(0, len(wire) - 1))
    with contextlib.suppress(ProtocolError):
        assert parse([*wire[:lost], *wire[lost + 1 :]], extended=True) != [message]


@given(
    st.lists(st.binary(min_size=1, max_size=255), max_size=4),
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
)
def test_an_rfc_envelope_comes_back_from_a_peer_without_the_tag(stack, body):
    assert parse([*stack, b"", *body], extended=False) == Envelope(tuple(stack), tuple(body))
