"""A listener says in one sentence what cannot work, and waits for what may work later."""

from __future__ import annotations

import subprocess

import pytest

from tests.cloud.conftest import StartServer
from tests.cloud.scenarios.rig import PATIENCE, MakeWork, Work, check_clean, expected_of
from tests.cloud.servers import PASSWORD, RcloneServer, write_config
from tests.cloud.stores import Place, disk
from tests.integration.harness import Daemon, wait_until

USAGE = 2  # exit code of a command that cannot do what it is told


@pytest.fixture
def few(images: dict[str, bytes]) -> dict[str, bytes]:
    return dict(list(images.items())[:4])


def one_sentence(listener: Daemon) -> str:
    """What a command said that could not do its work: one sentence and nothing else."""
    assert listener.wait() == USAGE, listener.said
    (line,) = listener.said.strip().splitlines()
    assert line.startswith("filterfleet: ")
    assert line.endswith((".", "?"))
    assert PASSWORD not in line
    return line


def complaint(listener: Daemon, sentence: str) -> None:
    """The listener logs this sentence once, and keeps running."""
    wait_until(lambda: sentence in listener.said or not listener.alive, PATIENCE, sentence)
    lines = [line for line in listener.said.splitlines() if sentence in line]
    assert len(lines) == 1, listener.said
    assert "[error" in lines[0]
    assert listener.alive
    check_clean(listener)


def all_done(work: Work, listener: Daemon, images: dict[str, bytes]) -> None:
    work.wait_for(len(images), listener)
    listener.terminate()
    assert listener.wait() == 0, listener.said
    work.check_outputs(expected_of(images))
    check_clean(listener)


@pytest.mark.slow
def test_what_cannot_ever_work_is_refused(start_server: StartServer, make_work: MakeWork) -> None:
    server = start_server("webdav")
    work = make_work(server.root / "in", server.root / "out")
    work.configure(server)
    work.source.put("a.jpg", b"")

    def refused(source: str, output: str, *options: object) -> str:
        other = Work(work.fleet, work.home, Place(source, server.store), Place(output, server.store))
        return one_sentence(other.listen(*options))

    assert "rclone knows no remote 'webdaw': did you mean 'webdav'?" in refused("webdaw:x", "webdav:y")
    assert "rclone knows no remote 'nowhere'" in refused("webdav:bucket/in", "nowhere:y")
    inside = refused("webdav:bucket/in", "webdav:bucket/in/results")
    assert "overlap" in inside
    around = refused("webdav:bucket/in", "webdav:bucket")
    assert "overlap" in around
    sections = {"webdav": server.section(), "same": {"type": "alias", "remote": "webdav:bucket"}}
    write_config(work.config, sections)
    assert "overlap" in refused("webdav:bucket/in", "same:in/results")
    folder = server.store.root / "in" if isinstance(server, RcloneServer) else ""
    write_config(work.config, {"here": {"type": "local"}})
    assert "overlap" in refused(str(folder), f"here:{folder}/results")
    assert ".." in refused("webdav:bucket/../in", "webdav:y")
    work.config.unlink()
    assert str(work.config) in refused("webdav:bucket/in", "webdav:bucket/out")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "sftp", "webdav"])
def test_wrong_credentials_and_an_unreachable_server_are_waited_for_unless_it_runs_once(
    kind: str, start_server: StartServer, make_work: MakeWork, few: dict[str, bytes]
) -> None:
    server = start_server(kind)
    work = make_work(server.root / "in", server.root / "out")
    work.source.put_all(few)
    work.configure(server, password="wrong")
    once = work.listen("--once")
    assert once.wait(PATIENCE) != 0
    *_, last = once.said.strip().splitlines()
    assert "does not accept the credentials" in last, once.said
    assert last.startswith("filterfleet: ")
    check_clean(once)
    server.stop()
    work.configure(server)
    listener = work.listen()
    complaint(listener, "the server cannot be reached")
    server.start()
    all_done(work, listener, few)
    listener = work.listen()
    server.stop()
    complaint(listener, "the server cannot be reached")
    listener.terminate()
    assert listener.wait() == 0


@pytest.mark.slow
def test_an_output_that_is_read_only_is_waited_for(
    start_server: StartServer, make_work: MakeWork, few: dict[str, bytes], tmp_path
) -> None:
    server = start_server("sftp")
    assert isinstance(server, RcloneServer)
    work = make_work(disk(tmp_path / "in"), server.root / "out")
    work.source.put_all(few)
    work.configure(server)
    server.stop()
    server.options = ("--read-only",)
    server.start()
    listener = work.listen()
    complaint(listener, "access is denied")
    assert work.output.names() == []
    server.stop()
    server.options = ()
    server.start()
    all_done(work, listener, few)


@pytest.fixture
def tiny_disk(tmp_path):
    """The spool's folder, on a file system of 64 kB. Skips the test where none can be mounted."""
    folder = tmp_path / "home" / "state" / "spool"
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.slow
def test_a_spool_that_is_full_is_waited_for(
    tiny_disk, start_server: StartServer, make_work: MakeWork, few: dict[str, bytes]
) -> None:
    server = start_server("webdav")
    work = make_work(server.root / "in", server.root / "out")
    work.configure(server)
    work.source.put_all(few)
    ballast = tiny_disk / "ballast"
    ballast.write_bytes(bytes(60 << 10))
    listener = work.listen()
    complaint(listener, "spool")
    ballast.unlink()
    all_done(work, listener, few)


@pytest.mark.slow
def test_a_spool_with_room_for_one_image_holds_the_others_back(
    start_server: StartServer, make_work: MakeWork, images: dict[str, bytes]
) -> None:
    server = start_server("sftp")
    work = make_work(server.root / "in", server.root / "out")
    work.configure(server)
    some = dict(list(images.items())[:12])
    work.source.put_all(some)
    work.source.put("too large.jpg", some["0001.jpg"] + bytes(100_000))
    listener = work.listen("--once", "--spool-limit", "60K")
    assert listener.wait() == 1, listener.said
    assert "too large.jpg" in listener.said
    assert "give the spool more with --spool-limit" in listener.said
    work.check_outputs(expected_of(some))
    check_clean(listener)
