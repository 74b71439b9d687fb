"""Mutations of scripts that keep them valid scripts. Changes of bytes alone rarely turn a valid message into
another."""

from __future__ import annotations

import random

import msgpack

from filterfleet.common.wire import PPX
from tests.fuzz.scripts import Step, pack, unpack

NAMES = tuple(number.to_bytes(size, "big") for number in range(12) for size in (8, 16))
ODD = (None, True, False, -1, 0, 1, 3, 4097, 1 << 32, 1 << 63, 0.0, 1e-9, float("nan"), "", "x" * 65, b"", [], {}, [[]])
Frames = list[bytes]


def mutate(script: bytes, rng: random.Random, other: bytes) -> bytes:
    """The script with one change, or with a part of the other script in it."""
    steps = list(unpack(script))
    if not steps:
        return other
    at = rng.randrange(len(steps))
    step = steps[at]
    match rng.randrange(7):
        case 0:
            del steps[at]
        case 1:
            steps.insert(rng.randrange(len(steps) + 1), step)
        case 2:
            donors = list(unpack(other)) or steps
            first = rng.randrange(len(donors))
            steps[at:at] = donors[first : first + rng.randint(1, 4)]
        case 3:
            steps[at] = Step(rng.randrange(256), rng.choice((0, 0, 64, 128, rng.randrange(256))), step.frames)
        case 4:
            steps[at] = Step(step.who, step.quiet, tuple(_reframed(list(step.frames), rng)))
        case _:
            steps[at] = Step(step.who, step.quiet, tuple(_reworded(list(step.frames), rng)))
    try:
        return pack(steps)
    except (ValueError, OverflowError):
        return script


def _reframed(frames: Frames, rng: random.Random) -> Frames:
    at = rng.randint(0, len(frames))
    if frames and rng.random() < 0.5:
        del frames[min(at, len(frames) - 1)]
    else:
        frames.insert(at, rng.choice((b"", b"\x01", b"\x02", b"abc", bytes(500), rng.choice(NAMES))))
    return frames


def _reworded(frames: Frames, rng: random.Random) -> Frames:
    """Another value somewhere in the map frame of a PPX message."""
    if len(frames) < 3 or frames[1] != PPX:
        return _reframed(frames, rng)
    try:
        header = msgpack.unpackb(frames[2])
        _change(header, rng)
        frames[2] = msgpack.packb(header)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException):
        return _reframed(frames, rng)
    return frames


def _change(value: object, rng: random.Random) -> None:
    """Change something in the value, at any depth."""
    while isinstance(value, dict | list) and value:
        keys: list = sorted(value, key=str) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        inner = value[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.2:
            _replace(value, key, rng)
            return
        value = inner


def _replace(holder: dict | list, key: object, rng: random.Random) -> None:
    inner = holder[key]  # type: ignore[index, call-overload]
    match rng.randrange(4):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[rng.choice(("more", "frames", "x" * 65))] = inner
        case 0 | 1 if isinstance(holder, list):
            holder.append(inner)
        case 2 if isinstance(inner, bytes):
            holder[key] = rng.choice(NAMES)  # type: ignore[index, call-overload]
        case 2 if isinstance(inner, int | float):
            holder[key] = rng.choice((inner + 1, inner - 1, inner * 2, -inner))  # type: ignore[index, call-overload]
        case _:
            holder[key] = rng.choice((*ODD, *NAMES))  # type: ignore[index, call-overload]
