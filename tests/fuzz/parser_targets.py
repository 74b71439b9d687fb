"""Bytes from anybody become messages and recipes, or are refused."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence

from filterfleet.common.errors import ProtocolError, RecipeError
from filterfleet.common.jobs.recipe import LISTS, MAX_NAME, MAX_OUTPUTS, MAX_PARAMETERS, MAX_STEPS, Recipe, Value
from filterfleet.common.jobs.sourced import FIELDS, LONGEST
from filterfleet.common.wire import (
    Accepteds,
    Busy,
    Data,
    Get,
    Hello,
    Message,
    Payload,
    Result,
    ResultOks,
    Results,
    Status,
    Submit,
    Submits,
    Task,
    Tasks,
    encode,
    parse,
)
from filterfleet.common.wire.messages import BLOB_LIMIT, INLINE_LIMIT
from tests.fuzz.scripts import unpack

HEADER = 3  # the frame behind this many is the first one of the payload


def parser(script: bytes) -> None:
    """Frames are either a message or refused. A message keeps to the limits of docs/protocol.md, has the payload that
    came, and stays the same when it is encoded again."""
    for step in unpack(script):
        try:
            found = parse(step.frames, extended=bool(step.who % 2))
        except ProtocolError:
            continue
        if isinstance(found, list):
            assert len(found) <= 256
            for message in found:
                _check_limits(message)
            written = encode(found)
            assert [bytes(frame) for frame in written[HEADER:]] == list(step.frames[HEADER:])
            assert encode(_messages(written)) == written


def _messages(frames: Sequence[Payload]) -> list[Message]:
    found = parse(frames, extended=True)
    assert isinstance(found, list)
    return found


def _check_limits(message: Message) -> None:
    if (id_ := getattr(message, "id", None)) is not None:
        assert 1 <= len(id_) <= 64
    match message:
        case Submits() | Tasks() | Results() | Accepteds() | ResultOks():
            assert 1 <= len(set(message.ids)) == len(message.ids) <= 1024
            assert all(1 <= len(id_) <= 64 for id_ in message.ids)
            _check_columns(message)
        case Get(_, blob, offset, length):
            assert len(blob) <= 64
            assert 0 <= offset <= BLOB_LIMIT
            assert 1 <= length <= INLINE_LIMIT
        case Data(_, blob, offset, payload):
            assert len(blob) <= 64
            assert 0 <= offset <= BLOB_LIMIT
            assert len(payload) == 1
        case Submit() | Task():
            assert len(message.recipe) <= 64 << 10
            assert 0 <= message.size <= BLOB_LIMIT
        case Result(_, outputs, report, payload):
            assert len({output.name for output in outputs}) == len(outputs) <= 64
            assert not payload or [len(blob) for blob in payload] == [output.size for output in outputs]
            assert _depth(report) <= 9
        case Status(report):
            assert _depth(report) <= 9
        case Busy(_, seconds) | Hello(interval=seconds):
            assert 0 <= seconds <= 3600
            assert math.isfinite(seconds)


def _check_columns(message: Submits | Tasks | Results | Accepteds | ResultOks) -> None:
    if isinstance(message, Accepteds | ResultOks):
        return
    width = len(message.outputs) if isinstance(message, Results) else 1
    assert len(message.sizes) == width * len(message.ids)
    assert all(0 <= size <= BLOB_LIMIT for size in message.sizes)
    assert sum(map(len, message.payload)) == sum(message.sizes)
    assert len(message.payload) <= 1
    if isinstance(message, Results):
        assert len({column.name for column in message.outputs}) == width
        assert all(len(column) == len(message.ids) for column in message.report.values())
        cells = [cell for column in message.report.values() for cell in column]
        assert all(not isinstance(cell, list | dict | bytes) for cell in cells)
        assert all(math.isfinite(cell) for cell in cells if isinstance(cell, float))
        assert len(cells) <= 1 << 16


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [inner for one in level for inner in _inside(one)]
    return depth


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def recipe(script: bytes) -> None:
    """The third frame of a step is a recipe or is refused. A recipe is shallow, small and the same from its own
    bytes."""
    for step in unpack(script):
        if len(step.frames) < HEADER:
            continue
        with contextlib.suppress(RecipeError):
            found = Recipe.from_bytes(step.frames[HEADER - 1])
            assert 1 <= len(found.outputs) <= MAX_OUTPUTS
            for output in found.outputs:
                assert len(output.steps) <= MAX_STEPS
                for each in output.steps:
                    assert len(each.filter) <= MAX_NAME
                    assert len(each.parameters) <= MAX_PARAMETERS
                    for name, value in each.parameters:
                        assert len(name) <= MAX_NAME
                        _check_value(value)
            for field, said in found.source:
                assert field in FIELDS
                assert len(said) <= LONGEST
                assert len(said.splitlines()) <= 1
            assert Recipe.from_bytes(found.to_bytes()) == found


def _check_value(value: Value) -> None:
    assert _depth(value) <= LISTS + 1
    assert not isinstance(value, float) or math.isfinite(value)
