"""Files without a name, and the functions for blobs of any kind."""

import gc
import hashlib
import os
import pickle
import random
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from filterfleet.common.blob import STEP, BlobStore, FileBlob, checksum, parts, pass_to, read, sha256_of, stowed, whole
from filterfleet.common.payload import close


def file_of(data):
    blob = FileBlob()
    blob.append(data)
    return blob


@pytest.fixture(scope="module")
def data():
    return random.Random(1).randbytes(2 * STEP + 17)


@pytest.mark.parametrize("kind", [bytes, memoryview, file_of])
def test_every_blob_is_read_alike(kind, data):
    blob = kind(data)
    assert len(blob) == len(data)
    assert bytes(whole(blob)) == data
    assert bytes(read(blob, 5, 10)) == data[5:15]
    assert bytes(read(blob, len(data) - 3, 10)) == data[-3:]
    assert bytes(read(blob, len(data) + 1, 10)) == b""
    assert [len(part) for part in parts(blob)] == [STEP, STEP, 17]
    assert b"".join(parts(blob)) == data
    passed = []
    pass_to(lambda part: passed.append(bytes(part)), blob)
    assert b"".join(passed) == data
    assert sha256_of(blob) == hashlib.sha256(data).digest()
    assert checksum(blob) == zlib.crc32(data)


def test_parts_may_come_in_any_order_and_from_several_threads(data):
    blob = FileBlob()
    offsets = list(range(0, len(data), 4099))
    random.Random(2).shuffle(offsets)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda offset: blob.write(offset, data[offset : offset + 4099]), offsets))
        chunks = pool.map(lambda offset: blob.read(offset, 4099), offsets)
        assert all(chunk == data[offset : offset + 4099] for offset, chunk in zip(offsets, chunks, strict=True))
    assert bytes(whole(blob)) == data
    assert len(blob) == len(data)


def test_it_grows_at_its_end_only():
    blob = file_of(b"0123456789")
    blob.write(2, b"ab")
    blob.append(memoryview(b"end"))
    assert whole(blob) == b"01ab456789end"


def test_a_pickle_has_the_content_and_becomes_a_file_again(data):
    again = pickle.loads(pickle.dumps((1, file_of(data))))[1]
    assert isinstance(again, FileBlob)
    assert whole(again) == data
    again.append(b"more")
    assert len(again) == len(data) + 4


def test_small_is_in_memory_and_large_in_a_file(data):
    for blob in (data, memoryview(data), file_of(data)):
        assert type(stowed(blob, len(data))) in (bytes, memoryview)
        large = stowed(blob, len(data) - 1)
        assert isinstance(large, FileBlob)
        assert whole(large) == data
    file = file_of(data)
    assert stowed(file, 1) is file


def test_a_file_that_is_open_already_is_a_blob(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    blob = FileBlob(os.open(tmp_path / "a", os.O_RDONLY))
    assert len(blob) == len(data)
    assert whole(blob) == data


def test_nobody_sees_the_file_and_its_descriptor_ends_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    blob = file_of(b"secret")
    assert list(tmp_path.iterdir()) == []
    descriptor = blob.fileno()
    assert os.path.realpath(f"/proc/self/fd/{descriptor}").startswith(str(tmp_path))
    del blob
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_closed_file_gives_its_space_back_and_is_read_no_more():
    with file_of(b"content") as blob:
        descriptor = blob.fileno()
        assert blob.read(0, 3) == b"con"
    blob.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    for use in (lambda: blob.read(0, 3), lambda: blob.write(0, b"x"), lambda: sha256_of(blob)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            use()


def test_a_closed_file_does_not_read_the_next_one_with_its_number(tmp_path):
    (tmp_path / "other").write_bytes(b"of somebody else")
    blob = file_of(b"content")
    descriptor = blob.fileno()
    blob.close()
    with (tmp_path / "other").open("rb") as file:
        os.dup2(file.fileno(), descriptor)
    with FileBlob(descriptor) as other:
        with pytest.raises(OSError, match="Bad file descriptor"):
            blob.read(0, 3)
        del blob  # nor does its end close that one
        gc.collect()
        assert other.read(0, 2) == b"of"


def test_closing_blobs_in_memory_changes_nothing():
    for blob in (b"bytes", memoryview(b"view")):
        close(blob)
        assert bytes(whole(blob)) in (b"bytes", b"view")
    close(blob := file_of(b"file"))
    assert blob.fileno() == -1


def test_a_store_puts_blobs_together_from_parts_under_their_numbers():
    store = BlobStore()
    store.store(1, 3, b"def")
    store.store(2, 0, b"other")
    store.store(1, 0, memoryview(b"abc"))
    assert len(store) == 2
    blob = store.take(1)
    assert whole(blob) == b"abcdef"
    assert whole(store.take(7)) == b""
    store.discard(1)  # it belongs to somebody else now
    assert blob.read(0, 1) == b"a"
    assert len(store) == 1


def test_a_store_closes_the_files_that_nobody_takes():
    files = []

    def new_file():
        files.append(FileBlob())
        return files[-1]

    store = BlobStore(new_file)
    for number in (1, 2, 3):
        store.store(number, 0, b"x")
    store.discard(2)
    store.discard(2)
    assert [file.fileno() == -1 for file in files] == [False, True, False]
    store.close()
    assert all(file.fileno() == -1 for file in files)
    assert len(store) == 0


def test_a_folder_for_temporary_files_that_is_not_there_is_an_oserror(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        FileBlob()
