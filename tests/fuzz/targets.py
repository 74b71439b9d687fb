"""The functions that are fuzzed. They take any bytes, and every exception that they raise is a bug.

A core may raise ProtocolError where its contract says so, and nothing else. It must stay within its limits after every
step, and everything that it sends must be a valid message for its receiver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from filterfleet.common.errors import ProtocolError
from filterfleet.common.wire import Message, Payload, encode, parse
from tests.fuzz.broker_target import broker
from tests.fuzz.client_target import client
from tests.fuzz.scripts import unpack
from tests.fuzz.worker_target import worker


def parser(script: bytes) -> None:
    """Frames are either a message or refused. A message that is encoded again stays the same."""
    for step in unpack(script):
        try:
            found = parse(step.frames, extended=bool(step.who % 2))
        except ProtocolError:
            continue
        if isinstance(found, list):
            written = encode(found)
            assert encode(_messages(written)) == written


def _messages(frames: Sequence[Payload]) -> list[Message]:
    found = parse(frames, extended=True)
    assert isinstance(found, list)
    return found


TARGETS: dict[str, Callable[[bytes], None]] = {target.__name__: target for target in (parser, broker, worker, client)}
