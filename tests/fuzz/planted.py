"""Bugs planted in the parsers, the door and the bounds, by name. A fuzzer is only worth its name if it finds each:

python -m tests.fuzz.planted [--tries 20000] [--seed 1] [NAME ...]
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import sys
import time
import typing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any
from unittest import mock

import msgspec

from filterfleet.broker.actions import Side
from filterfleet.broker.door.connections import Connection, Connections
from filterfleet.broker.door.guests import Guests
from filterfleet.broker.relay import Relay
from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs import recipe
from filterfleet.common.wire import Busy, Get, Message, codec, plain
from filterfleet.common.wire.gets import Gets
from tests.fuzz import door_target
from tests.fuzz.corpus import corpus
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import TARGETS

TRIES = 20_000  # scripts; a planted bug takes a few hundred of them as a rule


# --- in the parsers ----


def _weight_without_levels(_value: Any, _levels: int) -> float:
    """Reports may be nested as deeply as anybody likes."""
    return 1.0


def _payload_unchecked(_whole: Any) -> None:
    """The payload may be of another size than the message says."""


def _left_over(frames: Any) -> list[Message]:
    """Payload frames that belong to no message are ignored."""
    while True:
        try:
            return _original_messages(frames)
        except ProtocolError as error:
            if "left over" not in str(error):
                raise
            frames = frames[:-1]


_original_messages = codec._messages


def _ids_may_repeat(_ids: Any) -> None:
    """An id may come twice in one message."""


def _any_sizes(payload: Any, _sizes: Any) -> bool:
    """Joined payloads need not be as long as all of them together."""
    return len(payload) <= 1


def _any_columns(raw: Any, _rows: int, _most: int) -> Any:
    """The columns of a report may have any length, and anything in them."""
    return msgspec.msgpack.decode(raw)


def _unlimited(kind: type[Message] | None = None, name: str = "") -> Callable[[Any], list[Message]]:
    """Reads maps with any number in this field of this kind of message; or else any number of maps."""
    kinds = list(typing.get_args(Message))
    if kind is not None:
        fields = [(f.name, float | int if f.name == name else f.type) for f in msgspec.structs.fields(kind)]
        loose = msgspec.defstruct("Loose", fields, tag_field="type", tag=kind.__struct_config__.tag)
        kinds[kinds.index(kind)] = loose
    limit = msgspec.Meta(max_length=codec.MESSAGES_LIMIT if kind else None)
    found_kind = typing.Union[tuple(kinds)]  # noqa: UP007 - of a list that is made
    decode = msgspec.msgpack.Decoder(typing.Annotated[list[found_kind], limit]).decode

    def unpack(frame: Any) -> list[Message]:
        found = decode(frame)
        return [kind(*msgspec.structs.astuple(one)) if kind and type(one) is loose else one for one in found]

    return unpack


def _any_depth(name: str, raw: Any, levels: int) -> Any:
    """A parameter may be nested as deeply as anybody likes."""
    return (
        tuple(_any_depth(name, one, 0) for one in raw) if isinstance(raw, list) else _original_value(name, raw, levels)
    )


def _endless_value(name: str, raw: Any, levels: int) -> Any:
    """A parameter may be infinite."""
    return raw if isinstance(raw, float) and not math.isfinite(raw) else _original_value(name, raw, levels)


_original_value = recipe._value


def _any_source(raw: Any) -> Any:
    """A file may be called anything."""
    return raw


# --- in the door ----


def _latest_key(_self: Guests, _side: Side, _peer: bytes, _guest: Any) -> bool:
    """A routing id belongs to the key that has spoken under it last."""
    return False


def _kept_when_struck_off(_self: Guests, _side: Side, _allowed: Any) -> list[Any]:
    """A key that is struck off the list keeps its routing ids."""
    return []


def _sent_to_the_ended(_self: Guests, _connection: Connection) -> None:
    """A connection that is over is still sent to."""


def _no_shares(_self: Guests, _side: Side, _owner: str) -> bool:
    """One key may take all places."""
    return True


def _silent_without_limit(self: Connections, connection: Connection) -> list[Connection]:
    """Any number of connections may say nothing."""
    _original_accepted(self, connection)
    return []


_original_accepted = Connections.accepted


def _either_side(request: Any, names: Any) -> Any:
    """A client's key is let in where workers belong."""
    everybody = {owner: name for owners in names.values() for owner, name in owners.items()}
    return _original_judge(request, dict.fromkeys(names, everybody))


_original_judge = door_target.judge


# --- in the bounds ----


def _any_answer(self: Relay, side: Side, peer: bytes, _lease: Any, _data: Any) -> bool:
    """Parts of blobs that nobody has asked for are passed on."""
    return (side, peer) in self._askers


def _requests_without_limit(self: Relay, side: Side, peer: bytes, lease: Any, get: Any, now: float) -> None:
    """Any number of requests of a lease is passed on."""
    with mock.patch.object(type(self._settings), "parts_of_lease", 1 << 30, create=True):
        _original_ask(self, side, peer, lease, get, now)


_original_ask = Relay.ask


def _any_number_waits(self: Gets, get: Get) -> None:
    """Any number of requests wait for their answer."""
    self._waiting.setdefault(get.id, {})[get.blob, get.offset] = get


Plant = Callable[[], AbstractContextManager[Any]]


def _patch(owner: Any, attribute: str, replacement: Any) -> Plant:
    return partial(mock.patch.object, owner, attribute, replacement)


def _field(kind: type[Message], name: str) -> Plant:
    return _patch(codec, "_unpack", _unlimited(kind, name))


# By name, with the fuzz target that is to find it.
BUGS: dict[str, tuple[str, Plant]] = {
    "deep reports": ("parser", _patch(plain, "_weight", _weight_without_levels)),
    "payload of another size": ("parser", _patch(codec, "_check_size", _payload_unchecked)),
    "payload left over": ("parser", _patch(codec, "_messages", _left_over)),
    "messages without limit": ("parser", _patch(codec, "_unpack", _unlimited())),
    "offset below zero": ("parser", _field(Get, "offset")),
    "ids that repeat": ("parser", _patch(codec, "_check_different", _ids_may_repeat)),
    "joined payload of another size": ("parser", _patch(codec, "_is_joined", _any_sizes)),
    "columns of any length": ("parser", _patch(codec, "plain_columns", _any_columns)),
    "endless seconds": ("parser", _field(Busy, "retry_after")),
    "deep recipes": ("recipe", _patch(recipe, "_value", _any_depth)),
    "endless parameters": ("recipe", _patch(recipe, "_value", _endless_value)),
    "names of any length": ("recipe", _patch(recipe, "valid", _any_source)),
    "parameters without limit": ("recipe", _patch(recipe, "MAX_PARAMETERS", 1 << 30)),
    "id of the latest key": ("door", _patch(Guests, "_is_bound", _latest_key)),
    "struck off and still there": ("door", _patch(Guests, "dismiss", _kept_when_struck_off)),
    "sent to a connection that is over": ("door", _patch(Guests, "ended", _sent_to_the_ended)),
    "all places for one key": ("door", _patch(Guests, "_has_room", _no_shares)),
    "silence without limit": ("door", _patch(Connections, "accepted", _silent_without_limit)),
    "key of the other side": ("door", _patch(door_target, "judge", _either_side)),
    "answers that nobody asked for": ("broker", _patch(Relay, "answers", _any_answer)),
    "requests without limit": ("broker", _patch(Relay, "ask", _requests_without_limit)),
    "requests that wait without limit": ("client", _patch(Gets, "add", _any_number_waits)),
}


def scripts(target: str, seed: int) -> Iterator[bytes]:
    """The corpus of a target, and then its mutations without end. Those that were found to be of interest are not
    kept, unlike what libFuzzer does."""
    rng = random.Random(seed)
    seeds = list(corpus(target))
    yield from seeds
    while True:
        script = rng.choice(seeds)
        for _ in range(rng.randint(1, 8)):
            script = mutate(script, rng, rng.choice(seeds))
        yield script


def breaks(target: str, script: bytes) -> bool:
    try:
        TARGETS[target](script)
    except Exception:
        return True
    return False


def tries_until_found(name: str, tries: int = TRIES, seed: int = 1) -> int | None:
    """Scripts that it takes to find the bug; None when that many do not."""
    target, plant = BUGS[name]
    with plant():
        for number, script in enumerate(itertools.islice(scripts(target, seed), tries), 1):
            if breaks(target, script):
                return number
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=", ".join(BUGS))
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    missed = 0
    for name in arguments.names or BUGS:
        began = time.monotonic()
        found = tries_until_found(name, arguments.tries, arguments.seed)
        missed += found is None
        print(f"{name:36} {found or 'NOT FOUND'!s:>9}  {time.monotonic() - began:5.1f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
