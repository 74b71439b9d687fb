"""Files that grow under their final names, as over SFTP and WebDAV, and uploads that break off."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.listener.cloud.rclone.binary import find_rclone
from tests.cloud.conftest import StartServer
from tests.cloud.faults import Cut, FaultProxy, Pass, Refuse, Slow, Stall
from tests.cloud.scenarios.rig import MakeWork, Work, check_clean, expected_of
from tests.cloud.servers import RcloneServer, disk, write_config
from tests.integration.harness import wait_until

RATE = 150_000  # bytes a second
CUT = 60_000  # bytes, after which a connection breaks off: more than a handshake, less than an image


@pytest.fixture
def large(photographs) -> dict[str, bytes]:
    """Four photographs of more than twice CUT."""
    folder = photographs(4, 1800, 2400)
    found = {f"slow {number}.jpg": file.read_bytes() for number, file in enumerate(sorted(folder.rglob("*.jpg")))}
    assert all(len(data) > 2 * CUT for data in found.values())
    return found


@contextlib.contextmanager
def uploading(server: RcloneServer, proxy: FaultProxy, folder: Path, name: str) -> Iterator[subprocess.Popen[bytes]]:
    """rclone puts a file to its final name in the server's folder `in`, through the proxy."""
    config = write_config(folder.parent / "uploader.conf", {server.kind: server.section(proxy.port)})
    argv = [find_rclone(), f"--config={config}", "--inplace", "--retries=1", "--low-level-retries=1", "--timeout=5s"]
    places = [str(folder / name), f"{server.root.fs}/in/{name}"]
    with subprocess.Popen([*argv, "copyto", *places], stderr=subprocess.DEVNULL) as upload:
        try:
            yield upload
        finally:
            upload.kill()


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@pytest.mark.slow
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
        # slowly, but without a pause
        proxy.set_mode(Slow(RATE))
        with uploading(server, proxy, tmp_path / "upload", slow) as upload:
            wait_until(lambda: 0 < size_of(arriving / slow) < len(large[slow]), 10, "half a file under its final name")
            upload.wait(30)
        work.wait_for(1, listener)
        assert list(processed(work)) == [slow]

        # broken off by the network, by the uploader's end, and standing still for longer than a file has to settle
        proxy.set_mode(Cut(CUT))
        with uploading(server, proxy, tmp_path / "upload", cut) as upload:
            upload.wait(30)
        proxy.set_mode(Slow(RATE))
        with uploading(server, proxy, tmp_path / "upload", killed):
            wait_until(lambda: size_of(arriving / killed) > CUT, 10, "a part of a file")
        proxy.set_mode(Slow(RATE))
        with uploading(server, proxy, tmp_path / "upload", stalled) as upload:
            wait_until(lambda: size_of(arriving / stalled) > CUT, 10, "a part of a file")
            proxy.set_mode(Stall())
            assert 0 < size_of(arriving / stalled) < len(large[stalled])
            work.source.put("beside.jpg", beside)  # what is whole has to stay unchanged for as long as the halves
            work.wait_for(2, listener)
            proxy.set_mode(Refuse())
            upload.wait(30)
        proxy.set_mode(Pass())
    assert list(processed(work)) == ["beside.jpg", slow]
    assert work.outputs() == expected_of({slow: large[slow], "beside.jpg": beside})

    # whole at last
    for path in (cut, killed, stalled):
        (work.source).put(path, large[path])
    work.wait_for(5, listener)
    wait_until(lambda: not work.failures(), 10, "an end of the words on them")
    listener.terminate()
    assert listener.wait() == 0
    assert processed(work) == dict.fromkeys([*large, "beside.jpg"], 1)
    assert work.outputs() == expected_of(large | {"beside.jpg": beside})
    check_clean(listener)


def processed(work: Work) -> dict[str, int]:
    """The images that have a result, and how many each has."""
    return dict(work.rows("SELECT path, count(*) FROM results GROUP BY path ORDER BY path"))
