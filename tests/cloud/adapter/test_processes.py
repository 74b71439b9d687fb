"""The processes behind the adapter to rclone: killed, hanging, ended, and kept from others."""

import contextlib
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from filterfleet.listener.cloud.rclone import daemon as daemon_module
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.interfaces import TransferError
from tests.cloud.servers import PASSWORD
from tests.integration.harness import wait_until

pytestmark = pytest.mark.slow

SLOW = "500k"  # bytes a second: a big file takes a quarter of a minute


def servers_of_ours():
    return [child for child in psutil.Process().children() if "rcd" in child.cmdline()]


def in_background(function, *arguments):
    """Run it in a thread. Returns a list for the error, and the thread."""
    errors = []

    def run():
        try:
            function(*arguments)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return errors, thread


def test_a_listing_that_is_given_up_leaves_no_process(serve, connect):
    server = serve("sftp")
    for number in range(50):
        (server.folder / f"{number}").mkdir()
        (server.folder / f"{number}" / "a.jpg").write_bytes(b"x")
    listing = connect(server).list(server.fs, [])
    assert next(listing).size == 1
    listing.close()
    assert not [child for child in psutil.Process().children() if "lsjson" in child.cmdline()]


def test_rclone_killed_in_the_middle_of_a_copy_is_started_again(serve, connect, file, big):
    server = serve("sftp")
    rclone = connect(server, bandwidth=SLOW)
    rclone.facts(server.fs)
    errors, thread = in_background(rclone.upload, big, server.fs, "big")
    wait_until(lambda: (server.folder / "big").exists())
    (process,) = servers_of_ours()
    process.kill()
    thread.join()
    assert isinstance(errors[0], TransferError)
    assert errors[0].transient
    rclone.upload(file, server.fs, "a.jpg")  # waits for the new server
    assert rclone.stat(server.fs, "a.jpg").size == 7
    assert len(servers_of_ours()) == 1


def test_rclone_that_hangs_is_replaced(serve, connect, monkeypatch):
    monkeypatch.setattr(daemon_module, "PROBE", 0.2)
    server = serve("sftp")
    rclone = connect(server)
    rclone.facts(server.fs)
    (process,) = servers_of_ours()
    process.suspend()
    with monkeypatch.context() as hasty:  # only now: a busy machine may well take so long to answer
        hasty.setattr(daemon_module, "ANSWER", 1.0)
        with contextlib.suppress(TransferError):  # there is none if another server runs before the call has begun
            rclone.stat(server.fs, "a.jpg")
    assert rclone.stat(server.fs, "a.jpg") is None
    assert servers_of_ours() != [process]


def test_close_ends_a_long_copy_quickly_and_leaves_no_process(serve, connect, big):
    server = serve("sftp")
    rclone = connect(server, bandwidth=SLOW)
    errors, thread = in_background(rclone.upload, big, server.fs, "big")
    wait_until(lambda: (server.folder / "big").exists())
    began = time.monotonic()
    rclone.close()
    thread.join()
    assert time.monotonic() - began < 3
    assert isinstance(errors[0], TransferError)
    assert servers_of_ours() == []
    rclone.close()
    with pytest.raises(TransferError):
        rclone.stat(server.fs, "big")
    with pytest.raises(TransferError):
        list(rclone.list(server.fs, []))


def test_a_stale_socket_and_a_long_path_do_no_harm_and_nobody_else_gets_in(serve, tmp_path):
    server = serve("sftp")
    state = tmp_path / ("long" * 40) / "state"
    state.mkdir(parents=True, mode=0o755)
    (state / "rclone.sock").write_bytes(b"stale")
    rclone = Rclone(state, config=server.config)
    try:
        assert rclone.stat(server.fs, "a.jpg") is None
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        (process,) = servers_of_ours()
        assert not [at for at in process.net_connections("inet") if at.status == psutil.CONN_LISTEN]
    finally:
        rclone.close()
    assert not (state / "rclone.sock").exists()


def test_nothing_outlives_a_kill_of_the_parent(serve, tmp_path, big):
    server = serve("sftp")
    program = f"""
import sys, threading
from pathlib import Path
from filterfleet.listener.cloud.rclone import daemon
from filterfleet.listener.cloud.rclone.remote_files import Rclone
daemon.SERVER_WAIT = 60
rclone = Rclone(Path({str(tmp_path / "state")!r}), config=Path({str(server.config)!r}), bandwidth={SLOW!r})
threading.Thread(target=lambda: print(rclone.facts({server.fs!r}).kind, flush=True)).start()
rclone.upload(Path({str(big)!r}), {server.fs!r}, "big")
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout.readline() == "sftp\n"
        wait_until(lambda: (server.folder / "big").exists())
        children = psutil.Process(parent.pid).children(recursive=True)
        assert children
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))


def test_secrets_are_in_no_arguments_and_in_no_log(serve, connect, file, tmp_path):
    server = serve("s3")
    rclone = connect(server)
    rclone.upload(file, server.fs, "a.jpg")
    (process,) = servers_of_ours()
    assert PASSWORD not in " ".join(process.cmdline())
    assert PASSWORD not in Path(tmp_path / "state-0" / "rclone.log").read_text()
