"""Hostile frames, drawn from a seed, which a broker has to survive."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator

import msgpack

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.wire import (
    HEARTBEAT,
    PPX,
    READY,
    TAG,
    Beat,
    Cancel,
    Credit,
    Data,
    Drain,
    Failed,
    Get,
    Message,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    StatusRequest,
    Submit,
    Task,
    encode,
)

Frames = list[bytes]
ODD_VALUES = (
    None,
    True,
    -1,
    0,
    1 << 63,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    b"",
    b"y" * 5000,
    [],
    {},
    [[]],
)


def messages(rng: random.Random) -> list[Message]:
    """One of each message that a peer may send, with invented names."""
    name = rng.randbytes(16)
    outputs = (OutputFile("grayscale", "jpeg", 3), OutputFile("blur", "png", 4))
    return [
        Beat(rng.randbytes(8), (name,), (name,)),
        Credit(2, 2, ("grayscale",), "host", "1"),
        Submit(name, DEFAULT.to_bytes(), ("grayscale",), 5, 3, (b"abc",)),
        Submit(name, rng.randbytes(40), (), 0, 10),
        Result(name, outputs, {"width": 3}, (b"abc", b"abcd")),
        Result(name, outputs, {}),
        Failed(name, "transient", "no reason"),
        Get(name, "", 0, 100),
        Data(name, "blur", 0, (b"abcd",)),
        Task(name, b"", 3, 10.0, payload=(b"abc",)),
        ResultOk(name),
        Cancel(name),
        Nack(name),
        Drain(),
        StatusRequest(),
    ]


def random_frames(rng: random.Random) -> Frames:
    return [rng.randbytes(rng.choice((0, 1, 2, 5, 16, 100, 2000))) for _ in range(rng.randint(1, 8))]


def many_frames(rng: random.Random) -> Frames:
    return [rng.choice((b"", READY, HEARTBEAT, PPX, b"x"))] * rng.choice((100, 4096, 5000))


def command_with_more(rng: random.Random) -> Frames:
    return [rng.choice((READY, HEARTBEAT, b"\x03", b"", b"\x01\x01"))] * rng.randint(1, 3)


def envelope(rng: random.Random) -> Frames:
    """Resembles a request or a reply."""
    stack = [rng.randbytes(rng.choice((1, 5, 16, 255, 256))) for _ in range(rng.randint(0, 4))]
    return [*stack, b"", *random_frames(rng)]


def truncated(rng: random.Random) -> Frames:
    """A valid message that lacks its last frames, or the end of one frame."""
    frames = [bytes(frame) for frame in encode(rng.sample(messages(rng), rng.randint(1, 3)))]
    if rng.random() < 0.5:
        return frames[: rng.randint(1, len(frames) - 1)]
    victim = rng.randrange(2, len(frames))
    frames[victim] = frames[victim][: rng.randrange(len(frames[victim]) or 1)]
    return frames


def flipped(rng: random.Random) -> Frames:
    """A valid message with some bytes changed."""
    frames = [bytearray(frame) for frame in encode(rng.sample(messages(rng), rng.randint(1, 3)))]
    for _ in range(rng.randint(1, 4)):
        frame = rng.choice(frames[1:])
        if frame:
            frame[rng.randrange(len(frame))] = rng.randrange(256)
    return [bytes(frame) for frame in frames]


def mutated(rng: random.Random) -> Frames:
    """A valid message in which one field has another type or is missing, or whose frames are miscounted."""
    _, _, header, *payload = encode([rng.choice(messages(rng))])
    (item,) = msgpack.unpackb(header)
    field = rng.choice(list(item))
    match rng.randrange(3):
        case 0:
            item[field] = rng.choice(ODD_VALUES)
        case 1:
            del item[field]
        case 2:
            item["frames"] = rng.choice((0, 1, 2, 5000, -1, "1"))
    return [b"", PPX, msgpack.packb([item]), *map(bytes, payload)]


def not_a_list_of_messages(rng: random.Random) -> Frames:
    header = rng.choice((*ODD_VALUES, [1], [[]], [{}], [{"type": []}], {"type": "BEAT"}, [{1: 2}], [{"type": "HELLO"}]))
    return [b"", PPX, msgpack.packb(header, strict_types=False), *random_frames(rng)]


def deeply_nested(_rng: random.Random) -> Frames:
    return [b"", PPX, b"\x91" * 100_000]


KINDS = (random_frames, envelope, command_with_more, truncated, flipped, mutated, not_a_list_of_messages)
RARE = (many_frames, deeply_nested)


def hostile_messages(rng: random.Random, count: int) -> Iterator[Frames]:
    for number in range(count):
        yield rng.choice(RARE if number % 100 == 0 else KINDS)(rng)


def identities(number: int) -> list[bytes]:
    """Routing ids, every other one with the tag of our own peers.

    They do not depend on the seed, so that two runs at the same broker never share one.
    """
    return [(TAG if n % 2 else b"raw-") + secrets.token_bytes(12) for n in range(number)]
