"""Blobs in chunks and messages in batches: whatever the network does, the same bytes in the same order."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from filterfleet.common.wire import Data, Failed, OutputFile, Result, Submit, encode, parse
from filterfleet.common.wire.batches import MESSAGES_LIMIT, batches, multiparts
from filterfleet.common.wire.messages import CHUNK
from filterfleet.common.wire.pull import PATIENCE, SHORTEST, WINDOW, Pull
from tests.memory_file import MemoryFile
from tests.property.messages import messages


class Arrival:
    """A pull, and a file that grows with it."""

    def __init__(self, size):
        self.pull = Pull(size)
        self.file = MemoryFile()

    def hears(self, offset, data):
        if self.pull.take(offset, len(data)):
            self.file.write(offset, data)
            self.pull.stored(offset)


sizes = st.sampled_from((0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 7))


def blob_of(size):
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


@given(sizes, st.integers(0, 2**32))
def test_a_blob_arrives_whole_although_chunks_are_reordered_doubled_and_lost(size, seed):
    blob, arrival, now, rng = blob_of(size), Arrival(size), 0.0, random.Random(seed)
    pull = arrival.pull
    under_way = []
    for _ in range(500):
        under_way += pull.requests(now)
        if pull.complete:
            break
        if not under_way or rng.random() < 0.1:
            now += PATIENCE
            continue
        offset, length = under_way.pop(rng.randrange(len(under_way)))
        if rng.random() < 0.7:
            arrival.hears(offset, blob[offset : offset + length])
        if rng.random() < 0.2:
            arrival.hears(offset, blob[offset : offset + length])
    assert pull.complete
    assert arrival.file == blob


@given(sizes, st.lists(st.tuples(st.integers(0, 6 * CHUNK), st.integers(0, 2 * CHUNK)), max_size=10))
def test_chunks_nobody_asked_for_change_nothing(size, strangers):
    blob, arrival = blob_of(size), Arrival(size)
    pull = arrival.pull
    while not pull.complete:
        asked = pull.requests(0.0)
        assert len(asked) <= WINDOW
        for offset, length in strangers:
            answer = dict(asked).get(offset, 0)
            if not min(answer, SHORTEST) <= length <= answer:
                arrival.hears(offset, b"x" * length)
        for offset, length in asked:
            arrival.hears(offset, blob[offset : offset + length])
    assert arrival.file == blob


@given(st.lists(messages, max_size=12), st.integers(0, 100))
def test_batches_keep_every_message_in_order_within_the_limit(sent, limit):
    cut = list(batches(sent, limit))
    assert [message for batch in cut for message in batch] == sent
    for batch in cut:
        weight = sum(len(frame) for message in batch for frame in getattr(message, "payload", ()))
        assert weight <= limit or len(batch) == 1
        assert parse(encode(batch), extended=True) == batch
    assert list(multiparts(sent, limit)) == list(map(encode, cut))


many = st.integers(1, 3 * MESSAGES_LIMIT)
heavy = st.one_of(
    st.builds(Submit, st.just(b"id"), st.binary(max_size=1).map(lambda end: b"r" * 60_000 + end), st.just(()),
              st.just(0), st.just(9)),
    st.just(Failed(b"id", "permanent", "é" * 2000)),
    st.just(Result(b"id", tuple(OutputFile(f"o{n}", "png", 1) for n in range(64)), {}, (b"x",) * 64)),
    st.just(Data(b"id", "", 0, (b"x",))),
)  # fmt: skip


@given(heavy, many)
@settings(max_examples=30)
def test_no_batch_is_more_than_its_receiver_takes(message, count):
    for batch in batches([message] * count, 8 << 20):
        assert len(parse(encode(batch), extended=True)) == len(batch)
