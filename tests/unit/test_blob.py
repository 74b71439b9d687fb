"""Files without a name, and what is done with blobs whatever they are."""

import gc
import os
import pickle
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from filterfleet.common.blob import STEP, FileBlob, parts, read, stowed, whole


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


def test_a_folder_for_temporary_files_that_is_not_there_is_an_oserror(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        FileBlob()
