"""The worker's shell: files of tasks that nobody wants any more, and outputs that cannot be read."""

import gc
import os
import threading
import weakref

import pytest
import zmq

from filterfleet.common.blob import FileBlob
from filterfleet.common.process.wakeup import Wakeup
from filterfleet.common.wire import Beat, Data, Failed, Get, Hello, OutputFile, Task, encode
from filterfleet.worker.leases import threads as worker_threads
from filterfleet.worker.leases.connection import BrokerConnection
from filterfleet.worker.leases.session import Abandon, Done, Profile, ReadBlob, Run
from filterfleet.worker.leases.threads import ImageThreads
from filterfleet.worker.resources import default
from tests.integration.harness import wait_until

TRIAL = Task(b"trial", b"", 1, 60.0, False, True, (b"x",))


@pytest.fixture
def threads():
    wakeup = Wakeup()
    threads = ImageThreads(1, default(), wakeup)
    yield threads
    threads.close()
    wakeup.close()


@pytest.fixture
def connection(threads):
    """To nobody."""
    context = zmq.Context()
    profile = Profile(1, 2, (), "host/1", "1.0", 1 << 30)
    connection = BrokerConnection(context, 7, "tcp://127.0.0.1:1", profile, threads, None)
    sent = []
    connection._send = sent.append
    connection.sent = sent
    yield connection
    connection.close()
    context.term()


@pytest.fixture
def works(monkeypatch):
    """Images take until go_on is set; the leases that were begun."""
    begun, go_on = [], threading.Event()

    def outcome(run, _resources):
        begun.append(run.lease)
        assert go_on.wait(10)
        return Failed(run.lease, "transient", "")

    monkeypatch.setattr(worker_threads, "_outcome", outcome)
    yield begun, go_on
    go_on.set()


def test_the_image_of_a_cancelled_task_is_let_go_at_once_though_the_thread_is_busy(connection, works):
    begun, _ = works
    connection._execute([Run(b"long", b"", b"", 60.0)])
    wait_until(lambda: begun)
    image = FileBlob()
    watched = weakref.ref(image)
    connection._execute([Run(b"waits", b"", image, 60.0)])
    del image
    assert watched() is not None
    connection._execute([Abandon(b"waits")])
    gc.collect()
    assert watched() is None


def test_the_image_of_a_task_that_is_done_is_let_go_while_its_thread_waits_for_another(connection, threads, works):
    _, go_on = works
    go_on.set()
    image = FileBlob()
    watched = weakref.ref(image)
    connection._execute([Run(b"done", b"", image, 60.0)])
    del image
    wait_until(lambda: threads.outcomes)
    wait_until(lambda: gc.collect() is not None and watched() is None)


def test_the_broker_is_told_of_a_trial_before_it_begins(connection, threads, works):
    begun, _ = works
    connection.start()
    connection.session.on_message(encode([Hello(b"life", b"session", 1.0, 4, 1 << 20)]), 0.0)
    connection._execute(connection.session.on_message(encode([TRIAL]), 0.0))
    wait_until(threads.begun)
    assert threads.begun() == [(7, b"trial")]
    del connection.sent[:]
    connection.begun(b"trial")
    connection.turn()
    assert encode([Beat(b"session", (b"trial",), ())]) in connection.sent
    assert not begun
    threads.told([(7, b"trial")])
    wait_until(lambda: begun)


def test_a_trial_that_has_not_begun_when_the_worker_ends_never_does(threads, works):
    begun, _ = works
    threads.add((7, b"trial"), Run(b"trial", b"", b"", 60.0, alone=True))
    wait_until(threads.begun)
    threads.close()
    wait_until(lambda: not any(thread.name.startswith("image-") for thread in threading.enumerate()))
    assert not begun


def test_outputs_are_read_from_their_files(connection):
    output = FileBlob()
    output.append(b"0123456789")
    get = Get(b"lease", "edges", 3, 4)
    connection._execute([ReadBlob(get, output)])
    assert connection.sent == [encode([Data(b"lease", "edges", 3, (b"3456",))])]


def test_an_output_that_cannot_be_read_is_a_failure_for_now(connection):
    output = FileBlob(os.open(os.devnull, os.O_WRONLY))
    session = connection.session
    session.start(0.0)
    session.on_message(encode([Task(b"lease", b"", 1, 60.0, payload=(b"x",))]), 0.0)
    session.on_result(b"lease", Done((OutputFile("edges", "png", 10),), (output,), {}), 0.0)
    get = Get(b"lease", "edges", 0, 10)
    assert session.on_message(encode([get]), 0.0) == [ReadBlob(get, output)]
    connection._execute([ReadBlob(get, output)])
    reason = "The worker cannot read an output from its disk: Bad file descriptor."
    assert connection.sent == [encode([Failed(b"lease", "transient", reason)])]
