"""Hypothesis strategies for every message of the wire."""

from hypothesis import strategies as st

from filterfleet.common.text import one_line
from filterfleet.common.wire import (
    Accepted,
    Beat,
    Busy,
    Cancel,
    Catalogue,
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
    Status,
    StatusRequest,
    Submit,
    Task,
)
from filterfleet.common.wire.codec import SHORTEST_INTERVAL
from filterfleet.common.wire.messages import BLOB_LIMIT, INLINE_LIMIT, LEASES_LIMIT

ids = st.binary(min_size=1, max_size=64)
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


@st.composite
def submits(draw):
    recipe, needs, priority = draw(blobs), draw(name_lists), draw(st.integers(0, 9))
    if draw(st.booleans()):
        return Submit(draw(ids), recipe, needs, priority, draw(sizes), outputs=draw(name_lists), largest=draw(sizes))
    image = draw(blobs)
    return Submit(draw(ids), recipe, needs, priority, len(image), (image,))


@st.composite
def tasks(draw):
    timeout = draw(seconds)
    if draw(st.booleans()):
        body = tuple(draw(st.lists(blobs, min_size=1, max_size=3)))
        return Task(draw(ids), b"", sum(map(len, body)), timeout, True, draw(st.booleans()), body)
    if draw(st.booleans()):
        return Task(draw(ids), draw(blobs), draw(sizes), timeout, alone=draw(st.booleans()))
    image = draw(blobs)
    return Task(draw(ids), draw(blobs), len(image), timeout, False, draw(st.booleans()), (image,))


@st.composite
def results(draw):
    called = draw(st.lists(names, max_size=4, unique=True))
    payload = tuple(draw(blobs) for _ in called)
    formats = st.sampled_from(("jpeg", "png", ""))
    outputs = tuple(OutputFile(name, draw(formats), len(blob)) for name, blob in zip(called, payload, strict=True))
    if draw(st.booleans()):
        payload = ()  # to be pulled
    return Result(draw(ids), outputs, draw(reports), payload)


# What peers send to the broker, and what it sends to them.
client_messages = st.one_of(
    submits(),
    st.builds(Beat, st.binary(max_size=32)),
    st.builds(Cancel, ids),
    st.builds(ResultOk, ids),
    st.builds(Get, ids, names, sizes, st.integers(1, INLINE_LIMIT)),
    st.builds(Data, ids, names, sizes, st.tuples(blobs)),
    st.builds(StatusRequest),
)
worker_messages = st.one_of(
    results(),
    st.builds(Beat, st.binary(max_size=32), id_lists, id_lists),
    st.builds(Credit, st.integers(0, LEASES_LIMIT), st.integers(1, LEASES_LIMIT), name_lists, words, words),
    st.builds(Failed, ids, st.sampled_from(("permanent", "transient")), st.text(max_size=100).map(one_line)),
    st.builds(Nack, ids),
    st.builds(Drain),
    st.builds(Get, ids, names, sizes, st.integers(1, INLINE_LIMIT)),
    st.builds(Data, ids, names, sizes, st.tuples(blobs)),
)
broker_messages = st.one_of(
    tasks(),
    results(),
    st.builds(Hello, ids, ids, st.floats(SHORTEST_INTERVAL, 3600), st.integers(1, 100), sizes),
    st.builds(Accepted, ids),
    st.builds(Busy, ids, seconds),
    st.builds(Catalogue, name_lists, st.integers(0, 1 << 32)),
    st.builds(Status, reports),
)
messages = client_messages | worker_messages | broker_messages
