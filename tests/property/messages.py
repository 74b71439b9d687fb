"""Hypothesis strategies for every message of the wire."""

from hypothesis import strategies as st

from filterfleet.common.text import one_line
from filterfleet.common.wire import (
    Accepted,
    Accepteds,
    Beat,
    Busy,
    Cancel,
    Catalogue,
    Column,
    Credit,
    Data,
    Drain,
    Failed,
    Get,
    Hello,
    Nack,
    OutputFile,
    Result,
    ResultOk,
    ResultOks,
    Results,
    Status,
    StatusRequest,
    Submit,
    Submits,
    Task,
    Tasks,
    Try,
)
from filterfleet.common.wire.codec import SHORTEST_INTERVAL
from filterfleet.common.wire.messages import BLOB_LIMIT, INLINE_LIMIT, LEASES_LIMIT

ids = st.binary(min_size=1, max_size=64)
sentences = st.text(max_size=100).map(one_line)
blobs = st.binary(max_size=40)
names = st.text(max_size=64)
sizes = st.integers(0, BLOB_LIMIT)
seconds = st.floats(0, 3600)
words = names.map(lambda text: one_line(text, 64))  # as a parser leaves what people are shown
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | finite | words
reports = st.dictionaries(words, scalars | st.lists(scalars, max_size=3), max_size=4)
name_lists = st.lists(names, max_size=4).map(tuple)
id_lists = st.lists(ids, max_size=4).map(tuple)


spans = st.floats(0, 1e9)
tries = st.lists(
    st.builds(Try, words, words.map(lambda text: one_line(text, 16)), spans, spans, sentences), max_size=3
).map(tuple)


@st.composite
def submits(draw):
    recipe, needs, priority = draw(blobs), draw(name_lists), draw(st.integers(0, 9))
    if draw(st.booleans()):
        outputs, largest = draw(name_lists), draw(sizes)
        return Submit(draw(ids), recipe, needs, priority, draw(sizes), (), outputs, largest, draw(blobs))
    image = draw(blobs)
    return Submit(draw(ids), recipe, needs, priority, len(image), (image,))


@st.composite
def tasks(draw):
    timeout = draw(seconds)
    if draw(st.booleans()):
        body = tuple(draw(st.lists(blobs, min_size=1, max_size=3)))
        return Task(draw(ids), b"", sum(map(len, body)), timeout, True, draw(st.booleans()), body)
    if draw(st.booleans()):
        return Task(draw(ids), draw(blobs), draw(sizes), timeout, alone=draw(st.booleans()), reference=draw(blobs))
    image = draw(blobs)
    return Task(draw(ids), draw(blobs), len(image), timeout, False, draw(st.booleans()), (image,))


@st.composite
def results(draw):
    called = draw(st.lists(names, max_size=4, unique=True))
    payload = tuple(draw(blobs) for _ in called)
    formats = st.sampled_from(("jpeg", "png", ""))
    outputs = tuple(OutputFile(name, draw(formats), len(blob)) for name, blob in zip(called, payload, strict=True))
    if draw(st.booleans()):
        payload = ()  # to be pulled, or in a share
        return Result(draw(ids), outputs, draw(reports), left=draw(blobs), tries=draw(tries))
    return Result(draw(ids), outputs, draw(reports), payload)


rows = st.lists(ids, min_size=1, max_size=4, unique=True).map(tuple)
cells = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | finite | words


def _joined(blobs):
    return tuple(blob for blob in (b"".join(blobs),) if blob)


@st.composite
def many_submits(draw):
    called = draw(rows)
    images = [draw(blobs) for _ in called]
    recipe, needs, priority = draw(blobs), draw(name_lists), draw(st.integers(0, 9))
    lengths = tuple(map(len, images))
    return Submits(called, recipe, needs, priority, lengths, _joined(images), draw(name_lists), draw(sizes))


@st.composite
def many_tasks(draw):
    called = draw(rows)
    images = [draw(blobs) for _ in called]
    return Tasks(called, draw(blobs), tuple(map(len, images)), draw(seconds), _joined(images))


@st.composite
def many_results(draw):
    called = draw(rows)
    outputs = draw(st.lists(names, max_size=3, unique=True))
    files = [draw(blobs) for _ in called for _ in outputs]
    columns = tuple(Column(name, draw(st.sampled_from(("jpeg", "png", "")))) for name in outputs)
    report = {key: [draw(cells) for _ in called] for key in draw(st.lists(words, max_size=3, unique=True))}
    return Results(called, columns, tuple(map(len, files)), report, _joined(files))


# What peers send to the broker, and what it sends to them.
client_messages = st.one_of(
    submits(),
    many_submits(),
    st.builds(ResultOks, rows),
    st.builds(Beat, st.binary(max_size=32), minor=st.integers(0, 2)),
    st.builds(Cancel, ids),
    st.builds(ResultOk, ids),
    st.builds(Get, ids, names, sizes, st.integers(1, INLINE_LIMIT)),
    st.builds(Data, ids, names, sizes, st.tuples(blobs)),
    st.builds(StatusRequest),
)
worker_messages = st.one_of(
    results(),
    many_results(),
    st.builds(Beat, st.binary(max_size=32), id_lists, id_lists),
    st.builds(Credit, st.integers(0, LEASES_LIMIT), st.integers(1, LEASES_LIMIT), name_lists, words, words),
    st.builds(Failed, ids, st.sampled_from(("permanent", "transient")), sentences, sentences, tries),
    st.builds(Nack, ids),
    st.builds(Drain),
    st.builds(Get, ids, names, sizes, st.integers(1, INLINE_LIMIT)),
    st.builds(Data, ids, names, sizes, st.tuples(blobs)),
)
broker_messages = st.one_of(
    tasks(),
    results(),
    many_tasks(),
    many_results(),
    st.builds(Accepteds, rows),
    st.builds(ResultOks, rows),
    st.builds(Hello, ids, st.binary(max_size=32), st.floats(SHORTEST_INTERVAL, 3600), st.integers(1, 100), sizes),
    st.builds(Accepted, ids),
    st.builds(Busy, ids, seconds),
    st.builds(Catalogue, name_lists, st.integers(0, 1 << 32)),
    st.builds(Status, reports),
)
messages = client_messages | worker_messages | broker_messages
