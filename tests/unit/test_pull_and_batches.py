from filterfleet.common.wire import Data, Drain, Nack
from filterfleet.common.wire.batches import batches
from filterfleet.common.wire.codec import MESSAGES_LIMIT
from filterfleet.common.wire.messages import CHUNK
from filterfleet.common.wire.pull import PATIENCE, WINDOW, Pull


def test_an_empty_blob_is_complete_at_once():
    pull = Pull(0)
    assert pull.requests(0.0) == []
    assert pull.complete


def test_no_more_than_a_window_of_chunks_is_under_way():
    pull = Pull(CHUNK * (WINDOW + 1) + 5)
    assert pull.requests(0.0) == [(n * CHUNK, CHUNK) for n in range(WINDOW)]
    assert pull.requests(0.0) == []
    assert pull.take(0, CHUNK)
    assert pull.requests(0.0) == []  # it is here, but not on the disk yet
    pull.stored(0)
    assert pull.requests(0.0) == [(WINDOW * CHUNK, CHUNK)]
    assert pull.take(CHUNK, CHUNK)
    pull.stored(CHUNK)
    assert pull.requests(0.0) == [((WINDOW + 1) * CHUNK, 5)]


def test_a_lost_chunk_is_asked_for_again_when_its_time_is_over():
    pull = Pull(3)
    pull.requests(1.0)
    assert pull.requests(1.0 + PATIENCE - 0.001) == []
    assert pull.requests(1.0 + PATIENCE) == [(0, 3)]
    assert pull.requests(1.0 + PATIENCE) == []


def test_a_chunk_counts_once_and_only_with_its_own_length():
    pull = Pull(CHUNK + 2)
    pull.requests(0.0)
    assert not pull.take(CHUNK, 1)
    assert not pull.take(CHUNK, 3)
    assert pull.take(CHUNK, 2)
    assert not pull.take(CHUNK, 2)  # while the first is being stored
    pull.stored(CHUNK)
    assert not pull.take(CHUNK, 2)
    assert not pull.complete
    assert pull.take(0, CHUNK)
    pull.stored(0)
    assert pull.complete


def test_a_chunk_that_is_not_stored_is_not_counted():
    pull = Pull(3)
    pull.requests(0.0)
    assert pull.take(0, 3)
    assert not pull.complete
    assert pull.requests(PATIENCE) == []


def data(size):
    return Data(b"id", "", 0, (b"x" * size,))


def test_batches_are_cut_by_bytes_of_payload():
    assert [len(batch) for batch in batches([data(4), data(4), data(4), Drain()], 8)] == [2, 2]
    assert [len(batch) for batch in batches([data(100), data(1), data(1)], 8)] == [1, 2]
    assert list(batches([], 8)) == []


def test_batches_are_cut_by_number():
    messages = [Nack(b"id")] * (2 * MESSAGES_LIMIT + 1)
    assert [len(batch) for batch in batches(messages, 8)] == [MESSAGES_LIMIT, MESSAGES_LIMIT, 1]
