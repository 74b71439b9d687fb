import pytest

from filterfleet.common.wire import Data, Drain, Nack
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.codec import MESSAGES_LIMIT
from filterfleet.common.wire.messages import CHUNK
from filterfleet.common.wire.pull import PATIENCE, WINDOW, Pull
from tests.memory_file import FullDisk, MemoryFile


def test_an_empty_blob_is_complete_at_once():
    pull = Pull(0, MemoryFile())
    assert pull.requests(0.0) == []
    assert pull.complete
    assert pull.sink == b""


def test_no_more_than_a_window_of_chunks_is_under_way():
    pull = Pull(CHUNK * (WINDOW + 1) + 5, MemoryFile())
    assert pull.requests(0.0) == [(n * CHUNK, CHUNK) for n in range(WINDOW)]
    assert pull.requests(0.0) == []
    pull.store(0, bytes(CHUNK))
    assert pull.requests(0.0) == [(WINDOW * CHUNK, CHUNK)]
    pull.store(CHUNK, bytes(CHUNK))
    assert pull.requests(0.0) == [((WINDOW + 1) * CHUNK, 5)]


def test_a_lost_chunk_is_asked_for_again_when_its_time_is_over():
    pull = Pull(3, MemoryFile())
    pull.requests(1.0)
    assert pull.requests(1.0 + PATIENCE - 0.001) == []
    assert pull.requests(1.0 + PATIENCE) == [(0, 3)]
    assert pull.requests(1.0 + PATIENCE) == []


def test_a_chunk_counts_once_and_only_with_its_own_length():
    pull = Pull(CHUNK + 2, MemoryFile())
    pull.requests(0.0)
    pull.store(CHUNK, b"x")
    pull.store(CHUNK, b"xyz")
    pull.store(CHUNK, b"ab")
    pull.store(CHUNK, b"cd")
    assert not pull.complete
    pull.store(0, bytes(CHUNK))
    assert pull.complete
    assert pull.sink == bytes(CHUNK) + b"ab"


def test_a_chunk_that_could_not_be_kept_is_not_counted():
    pull = Pull(3, FullDisk())
    pull.requests(0.0)
    with pytest.raises(OSError, match="No space"):
        pull.store(0, b"abc")
    assert not pull.complete
    assert pull.requests(PATIENCE) == [(0, 3)]


def data(size):
    return Data(b"id", "", 0, (b"x" * size,))


def test_batches_are_cut_by_bytes_of_payload():
    assert [len(batch) for batch in batches([data(4), data(4), data(4), Drain()], 8)] == [2, 2]
    assert [len(batch) for batch in batches([data(100), data(1), data(1)], 8)] == [1, 2]
    assert list(batches([], 8)) == []


def test_batches_are_cut_by_number():
    messages = [Nack(b"id")] * (2 * MESSAGES_LIMIT + 1)
    assert [len(batch) for batch in batches(messages, 8)] == [MESSAGES_LIMIT, MESSAGES_LIMIT, 1]
