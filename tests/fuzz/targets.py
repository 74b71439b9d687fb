"""The functions that are fuzzed. They take any bytes, and every exception that they raise is a bug.

A core may raise ProtocolError where its contract says so, and nothing else. It must stay within its limits after every
step, and everything that it sends must be a valid message for its receiver.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.broker_target import broker
from tests.fuzz.client_target import client
from tests.fuzz.door_target import door
from tests.fuzz.hints_target import hints
from tests.fuzz.parser_targets import parser, recipe
from tests.fuzz.worker_target import worker

TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (parser, recipe, hints, door, broker, worker, client)
}
