"""The worker's shell: the files of images and outputs, when they are closed, and what happens when one fails."""

import gc
import os
import threading
import weakref

import pytest

from filterfleet.common.blob import FileBlob, whole
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.wire import Beat, Data, Failed, Get, Hello, OutputFile, Task, encode
from filterfleet.common.wire.actions import Discard, Store
from filterfleet.common.wire.peer import PeerSocket
from filterfleet.worker.done import Done
from filterfleet.worker.leases import threads as worker_threads
from filterfleet.worker.leases.actions import Abandon, Close, Profile, ReadBlob, Run
from filterfleet.worker.leases.connection import BrokerConnection
from filterfleet.worker.leases.threads import ImageThreads
from filterfleet.worker.resources import default
from tests.integration.harness import wait_until

TRIAL = Task(b"trial", b"", 1, 60.0, False, True, (b"x",))


def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.fixture
def threads():
    wakeup = Wakeup()
    threads = ImageThreads(1, default(), wakeup)
    yield threads
    threads.close()
    wakeup.close()


class RecordingSocket(PeerSocket):
    """Keeps everything that it should send."""

    def __init__(self):
        super().__init__(role="worker")
        self.sent = []

    def send(self, message):
        self.sent.append(list(message))


@pytest.fixture
def connection(threads):
    """A connection to an address where nobody listens."""
    profile = Profile(1, 2, (), "host/1", "1.0", 1 << 30)
    connection = BrokerConnection(7, "tcp://127.0.0.1:1", RecordingSocket(), profile, threads)
    yield connection
    connection.close()


@pytest.fixture
def works(monkeypatch):
    """The work on each image lasts until go_on is set. Yields the leases that were begun, and go_on."""
    begun, go_on = [], threading.Event()

    def outcome(run, *_):
        begun.append(run.lease)
        assert go_on.wait(10)
        return Failed(run.lease, "transient", "")

    monkeypatch.setattr(worker_threads, "_outcome", outcome)
    yield begun, go_on
    go_on.set()


def test_the_image_of_a_cancelled_task_is_let_go_at_once_though_the_thread_is_busy(connection, threads, works):
    begun, _ = works
    connection._execute([Run(b"long", b"", b"", 60.0)])
    wait_until(lambda: begun)
    image = FileBlob()
    watched = weakref.ref(image)
    threads.add((7, b"waits"), Run(b"waits", b"", 1, 60.0), image)
    descriptor = image.fileno()
    del image
    assert watched() is not None
    connection._execute([Abandon(b"waits")])
    assert not is_open(descriptor)
    gc.collect()
    assert watched() is None


def test_the_image_of_a_task_that_is_done_is_let_go_while_its_thread_waits_for_another(threads, works):
    _, go_on = works
    go_on.set()
    image = FileBlob()
    watched = weakref.ref(image)
    threads.add((7, b"done"), Run(b"done", b"", 1, 60.0), image)
    descriptor = image.fileno()
    del image
    wait_until(lambda: threads.outcomes)
    wait_until(lambda: not is_open(descriptor))
    wait_until(lambda: gc.collect() is not None and watched() is None)


def test_the_image_of_a_lease_that_comes_again_while_it_runs_is_closed_at_once(threads, works):
    begun, _ = works
    threads.add((7, b"a"), Run(b"a", b"", b"", 60.0), b"")
    wait_until(lambda: begun)
    image = FileBlob()
    threads.add((7, b"a"), Run(b"a", b"", 1, 60.0), image)
    assert image.fileno() == -1


def test_images_that_wait_are_closed_when_the_worker_ends(threads, works):
    begun, _ = works
    threads.add((7, b"a"), Run(b"a", b"", b"", 60.0), b"")
    wait_until(lambda: begun)
    image = FileBlob()
    threads.add((7, b"b"), Run(b"b", b"", 1, 60.0), image)
    threads.close()
    assert image.fileno() == -1


def met(connection):
    """Its session has met a broker and pulls the image of one task, of 2 bytes."""
    connection.session.start(0.0)
    connection.session.on_message(encode([Hello(b"life", b"session", 1.0, 4, 1 << 20)]), 0.0)
    connection.session.on_message(encode([Task(b"lease", b"", 2, 60.0)]), 0.0)


def test_a_pulled_image_is_run_from_its_file(connection, threads, works):
    met(connection)
    taken = []
    threads.add = lambda key, run, image: taken.append((key, run.lease, bytes(whole(image))))
    connection._execute(connection.session.on_message(encode([Data(b"lease", "", 0, (b"ab",))]), 0.0))
    assert taken == [((7, b"lease"), b"lease", b"ab")]
    assert len(connection._files) == 0


def test_an_image_that_finds_no_room_is_a_failure_for_now_and_leaves_no_file(connection, monkeypatch):
    met(connection)

    def write(_self, _offset, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileBlob, "write", write)
    connection._execute(connection.session.on_message(encode([Data(b"lease", "", 0, (b"ab",))]), 0.0))
    connection._execute(connection.session.on_tick(0.0))
    reason = "The worker cannot keep the image on its disk: No space left on device ($TMPDIR)."
    assert connection.socket.sent == [encode([Failed(b"lease", "transient", reason)])]
    assert len(connection._files) == 0


def test_what_is_stored_for_nobody_is_discarded(connection):
    """A lease may end in the message that also has parts of its image. These leave no file behind."""
    connection._execute([Discard(5), Store(5, 0, b"late")])
    assert len(connection._files) == 0


def test_a_file_that_the_session_closes_is_closed(connection):
    output = FileBlob()
    connection._execute([Close(output)])
    assert output.fileno() == -1


def test_the_broker_is_told_of_a_trial_before_it_begins(connection, threads, works):
    begun, _ = works
    connection.start()
    connection.session.on_message(encode([Hello(b"life", b"session", 1.0, 4, 1 << 20)]), 0.0)
    connection._execute(connection.session.on_message(encode([TRIAL]), 0.0))
    wait_until(threads.begun)
    assert threads.begun().keys() == {(7, b"trial")}
    del connection.socket.sent[:]
    connection.begun(b"trial", 0.0)
    connection.turn()
    assert encode([Beat(b"session", (b"trial",), ())]) in connection.socket.sent
    assert not begun
    threads.told([(7, b"trial")])
    wait_until(lambda: begun)


def test_a_trial_that_has_not_begun_when_the_worker_ends_never_does(threads, works):
    begun, _ = works
    threads.add((7, b"trial"), Run(b"trial", b"", b"", 60.0, alone=True), b"")
    wait_until(threads.begun)
    threads.close()
    wait_until(lambda: not any(thread.name.startswith("image-") for thread in threading.enumerate()))
    assert not begun


def test_outputs_are_read_from_their_files(connection):
    output = FileBlob()
    output.append(b"0123456789")
    get = Get(b"lease", "edges", 3, 4)
    connection._execute([ReadBlob(get, output)])
    assert connection.socket.sent == [encode([Data(b"lease", "edges", 3, (b"3456",))])]


def test_an_output_that_cannot_be_read_is_a_failure_for_now(connection):
    output = FileBlob(os.open(os.devnull, os.O_WRONLY))
    session = connection.session
    session.start(0.0)
    session.on_message(encode([Task(b"lease", b"", 1, 60.0, payload=(b"x",))]), 0.0)
    session.on_result(b"lease", Done((OutputFile("edges", "png", 10),), (output,), {}), 0.0)
    get = Get(b"lease", "edges", 0, 10)
    assert session.on_message(encode([get]), 0.0) == []
    assert session.answer() == [ReadBlob(get, output)]
    connection.socket.sent.clear()
    connection._execute([ReadBlob(get, output)])
    connection._execute(session.on_tick(0.0))
    reason = "The worker cannot read an output from its disk: Bad file descriptor."
    assert connection.socket.sent == [encode([Failed(b"lease", "transient", reason)])]
