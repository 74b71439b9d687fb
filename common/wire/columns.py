"""Many messages of a kind in one, in columns, and one by one again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from filterfleet.common.payload import OpenFile, Payload
from filterfleet.common.text import printable
from filterfleet.common.wire import messages as m
from filterfleet.common.wire.plain import may_be_column

# Bytes of a payload that is joined with others into one frame. Larger ones are cheaper to hand on as they are than to
# copy; smaller ones cost more as frames of their own.
JOINED = 4 << 10

# Values and characters that one report may bring into columns, its keys
# among them, and the sizes that one result may. More would let a
# message with the most rows outgrow its limits.
CELLS, SIZES = 48, 16

_Single = m.Submit | m.Task | m.Result | m.Accepted | m.ResultOk


def cut(payload: Sequence[Payload], sizes: Sequence[int]) -> list[bytes]:
    """The joined payload, cut into pieces of these sizes."""
    whole = bytes(payload[0]) if payload else b""
    return [whole[end - size : end] for end, size in zip(itertools.accumulate(sizes), sizes, strict=True)]


def joined(pieces: Iterable[Payload]) -> tuple[Payload, ...]:
    """One frame of all pieces, or none when there is nothing in them."""
    whole = b"".join(pieces)
    return (whole,) if whole else ()


def reports(columns: Mapping[str, Sequence[Any]], count: int) -> list[dict[str, Any]]:
    """The report of each of these rows. Rows without one share the same map."""
    if not columns:
        return [{}] * count
    names = tuple(columns)
    return [dict(zip(names, row)) for row in zip(*columns.values())]  # noqa: B905 - strict costs a fifth


def rows(message: m.Message) -> list[m.Message]:
    """The same, one by one."""
    match message:
        case m.Submits(ids, recipe, needs, priority, sizes, payload, outputs, largest):
            return [
                m.Submit(id_, recipe, needs, priority, size, (image,) if size else (), outputs, largest)
                for id_, size, image in zip(ids, sizes, cut(payload, sizes), strict=True)
            ]
        case m.Tasks():
            return [*tasks(message)]
        case m.Results():
            return cast("list[m.Message]", results(message))
        case m.Accepteds(ids):
            return [m.Accepted(id_) for id_ in ids]
        case m.ResultOks(ids):
            return [m.ResultOk(id_) for id_ in ids]
    return [message]


def tasks(message: m.Tasks) -> list[m.Task]:
    """The same, one by one."""
    recipe, timeout, sizes = message.recipe, message.timeout, message.sizes
    return [
        m.Task(id_, recipe, size, timeout, False, False, (image,) if size else ())
        for id_, size, image in zip(message.ids, sizes, cut(message.payload, sizes), strict=True)
    ]


def results(message: m.Results) -> list[m.Result]:
    """The same, one by one."""
    outputs, sizes, count = message.outputs, message.sizes, len(message.ids)
    blobs = cut(message.payload, sizes)
    files: list[tuple[m.OutputFile, ...]]
    payloads: list[tuple[bytes, ...]]
    if len(outputs) == 1:  # the usual case, and much quicker; outputs of one size are described alike
        name, format_ = outputs[0].name, outputs[0].format
        of_size = {size: (m.OutputFile(name, format_, size),) for size in set(sizes)}
        files = [of_size[size] for size in sizes]
        payloads = [(blob,) for blob in blobs]
    else:
        width = len(outputs)
        named = [m.OutputFile(one.name, one.format, size) for one, size in zip(outputs * count, sizes, strict=True)]
        files = [tuple(named[n * width : (n + 1) * width]) for n in range(count)]
        payloads = [tuple(blobs[n * width : (n + 1) * width]) for n in range(count)]
    return list(map(m.Result, message.ids, files, reports(message.report, count), payloads))


def gather(messages: Iterable[m.Message], limit: int = m.INLINE_LIMIT) -> list[m.Message]:
    """The same messages in the same order. Neighbours that can share columns do, with at most limit bytes of payload in
    each message."""
    found: list[m.Message] = []
    part: list[_Single] = []  # neighbours that share what `shared` says
    ids: set[bytes] = set()
    shared: tuple[object, ...] = ()
    weight = 0
    for message in messages:
        shape, size = _shape(message)
        if part and (shape != shared or len(part) == m.ROWS_LIMIT or weight + size > limit or message.id in ids):  # type: ignore[union-attr]
            found.append(_in_columns(part))
            part, weight = [], 0
            ids.clear()
        if shape is None:
            found.append(message)
            continue
        one = cast("_Single", message)
        shared = shape
        part.append(one)
        ids.add(one.id)
        weight += size
    return [*found, _in_columns(part)] if part else found


def _shape(message: m.Message) -> tuple[tuple[object, ...] | None, int]:
    """What messages have to have in common to stand in columns together, None for one that cannot; and the bytes of its
    payload."""
    if isinstance(message, m.Result):  # most of them
        outputs, report, payload = message.outputs, message.report, message.payload
        size = _joined_size(payload)
        if message.left or message.tries or size > JOINED or len(payload) != len(outputs) or len(outputs) > SIZES:
            return None, 0
        if report and not _fits_columns(report):
            return None, 0
        return ("Result", *[(output.name, output.format) for output in outputs], *report), size
    match message:
        case m.Submit(size=size, payload=payload, reference=b"") if size == 0 or (payload and size <= JOINED):
            return ("Submit", message.recipe, message.needs, message.priority, message.outputs, message.largest), size
        case m.Task(size=size, payload=payload, opaque=False, alone=False, reference=b"") if size == 0 or (
            payload and size <= JOINED
        ):
            return ("Task", message.recipe, message.timeout), size
        case m.Accepted() | m.ResultOk():
            return (type(message),), 0
    return None, 0


def _joined_size(payload: tuple[Any, ...]) -> int:
    """Bytes, more than may be joined when some of them are in a file."""
    return sum([JOINED + 1 if isinstance(blob, OpenFile) else len(blob) for blob in payload])


def _fits_columns(report: Mapping[str, Any]) -> bool:
    if len(report) > CELLS or not all(map(may_be_column, report.values())):
        return False
    texts = sum(len(printable(value)) for value in (*report, *report.values()) if isinstance(value, str))
    return len(report) + texts <= CELLS


def _in_columns(part: list[Any]) -> m.Message:
    """One message of those that share what _shared() tells."""
    first = part[0]
    if len(part) == 1:
        return cast("m.Message", first)
    ids = tuple([one.id for one in part])
    match first:
        case m.Accepted():
            return m.Accepteds(ids)
        case m.ResultOk():
            return m.ResultOks(ids)
    payload = joined([blob for one in part for blob in one.payload])
    match first:
        case m.Submit(_, recipe, needs, priority, _, _, outputs, largest):
            sizes = tuple([one.size for one in part])
            return m.Submits(ids, recipe, needs, priority, sizes, payload, outputs, largest)
        case m.Task(_, recipe, _, timeout):
            return m.Tasks(ids, recipe, tuple([one.size for one in part]), timeout, payload)
    files = tuple(m.Column(output.name, output.format) for output in first.outputs)
    sizes = tuple([output.size for one in part for output in one.outputs])
    report = {key: [one.report[key] for one in part] for key in first.report}
    return m.Results(ids, files, sizes, report, payload)
