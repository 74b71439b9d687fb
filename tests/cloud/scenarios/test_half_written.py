"""Files that grow under their final names, as with SFTP and WebDAV, and uploads that break off."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.listener.cloud.rclone.binary import find_rclone
from tests.cloud.conftest import StartServer
from tests.cloud.faults import Cut, FaultProxy, Hold, Pass, Refuse, Slow
from tests.cloud.scenarios.rig import PATIENCE, MakeWork, Work, check_clean, expected_of
from tests.cloud.servers import RcloneServer, write_config
from tests.cloud.stores import disk
from tests.integration.harness import wait_until

RATE = 150_000  # bytes a second
CUT = 60_000  # bytes after which a connection breaks off: more than a handshake, less than an image
HELD = 180_000  # bytes after which one stands still: more than `rclone serve` buffers (100 KiB), less than an image


@pytest.fixture
def large(photographs) -> dict[str, bytes]:
    """Four photographs that are larger than HELD."""
    folder = photographs(4, 1800, 2400)
    found = {f"slow {number}.jpg": file.read_bytes() for number, file in enumerate(sorted(folder.rglob("*.jpg")))}
    assert all(len(data) > HELD for data in found.values())
    return found


@contextlib.contextmanager
def uploading(server: RcloneServer, proxy: FaultProxy, folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """An rclone that uploads a file to its final name in the server's folder `in`, and is killed at the end."""
    config = write_config(folder.parent / "uploader.conf", {server.kind: server.section(proxy.port)})
    argv = [find_rclone(), f"--config={config}", "--inplace", "--retries=1", "--low-level-retries=1", "--timeout=20s"]
    places = [str(folder / name), f"{server.root.fs}/in/{name}"]
    with subprocess.Popen([*argv, "copyto", *places], stderr=subprocess.DEVNULL) as upload:
        try:
            yield upload
        finally:
            upload.kill()


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sftp", "webdav"])
def test_what_grows_slowly_is_processed_once_and_whole_and_what_breaks_off_not_at_all(
    kind: str, start_server: StartServer, make_work: MakeWork, large: dict[str, bytes], tmp_path: Path
) -> None:
    server = start_server(kind)
    assert isinstance(server, RcloneServer)
    slow, cut, killed, stalled = sorted(large)
    beside = large[slow] + bytes(100)  # another file for the listener, the same picture for a decoder
    disk(tmp_path / "upload").put_all(large)
    work = make_work(server.root / "in", disk(tmp_path / "out"))
    work.configure(server)
    arriving = server.disk.root / "in"
    arriving.mkdir(parents=True)
    listener = work.listen("--settle", 1.5)
    with FaultProxy(server.port) as proxy:
        # slowly
        proxy.set_mode(Hold(HELD))
        with uploading(server, proxy, tmp_path / "upload", slow) as upload:
            wait_until(lambda: size_of(arriving / slow) > 0, PATIENCE, "a part of a file under its final name")
            assert size_of(arriving / slow) < len(large[slow])
            proxy.set_mode(Slow(RATE))
            upload.wait(PATIENCE)
        work.wait_for(1, listener)
        assert list(processed(work)) == [slow]

        # broken off by the network, by the uploader's end, and standing still for longer than a file takes to settle
        proxy.set_mode(Cut(CUT))
        with uploading(server, proxy, tmp_path / "upload", cut) as upload:
            upload.wait(PATIENCE)
        proxy.set_mode(Hold(HELD))
        with uploading(server, proxy, tmp_path / "upload", killed):
            wait_until(lambda: size_of(arriving / killed) > 0, PATIENCE, "a part of a file")
        with uploading(server, proxy, tmp_path / "upload", stalled) as upload:
            wait_until(lambda: size_of(arriving / stalled) > 0, PATIENCE, "a part of a file")
            work.source.put("beside.jpg", beside)  # it settles no sooner than the parts
            work.wait_for(2, listener)
            proxy.set_mode(Refuse())
            upload.wait(PATIENCE)
        assert 0 < size_of(arriving / killed) < len(large[killed])
        assert 0 < size_of(arriving / stalled) < len(large[stalled])
        proxy.set_mode(Pass())
    assert list(processed(work)) == ["beside.jpg", slow]
    assert work.outputs() == expected_of({slow: large[slow], "beside.jpg": beside})

    # whole at last
    for path in (cut, killed, stalled):
        (work.source).put(path, large[path])
    work.wait_for(5, listener)
    wait_until(lambda: not work.failures(), PATIENCE, "the removal of the reports of failures")
    listener.terminate()
    assert listener.wait() == 0
    assert processed(work) == dict.fromkeys([*large, "beside.jpg"], 1)
    assert work.outputs() == expected_of(large | {"beside.jpg": beside})
    check_clean(listener)


def processed(work: Work) -> dict[str, int]:
    """The images that have results, and how many."""
    return dict(work.rows("SELECT path, count(*) FROM results GROUP BY path ORDER BY path"))
