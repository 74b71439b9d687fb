"""The worker's shell: files of tasks that nobody wants any more, and outputs that cannot be read."""

import gc
import os
import threading
import weakref

import pytest

from common.blob import FileBlob
from common.protocol import Data, Failed, Get, Output, Task, encode
from worker import service as worker_service
from worker.resources import default
from worker.service import WorkerService
from worker.session import Abandon, Done, Profile, ReadBlob, Run


@pytest.fixture
def service():
    """With one thread, and a socket that is connected to nobody."""
    service = WorkerService("tcp://127.0.0.1:1", Profile(1, 2, (), "host/1", "1.0", 1 << 30), default(), 1.0)
    sent = []
    service._send = sent.append
    service.sent = sent
    yield service
    service._pool.shutdown()
    service._socket.close(linger=0)
    service._context.term()
    service._wakeup.close()


def test_the_image_of_a_cancelled_task_is_let_go_at_once_though_the_thread_is_busy(service, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(
        worker_service, "_outcome", lambda run, _: (begun.set(), go_on.wait(10), Failed(b"", "transient", ""))
    )
    try:
        service._execute([Run(b"long", b"", b"", 60.0, False)])
        assert begun.wait(10)
        image = FileBlob()
        watched = weakref.ref(image)
        service._execute([Run(b"waits", b"", image, 60.0, False)])
        del image
        assert watched() is not None
        service._execute([Abandon(b"waits")])
        gc.collect()
        assert watched() is None
    finally:
        go_on.set()


def test_outputs_are_read_from_their_files(service):
    output = FileBlob()
    output.append(b"0123456789")
    get = Get(b"lease", "edges", 3, 4)
    service._execute([ReadBlob(get, output)])
    assert service.sent == [encode([Data(b"lease", "edges", 3, (b"3456",))])]


def test_an_output_that_cannot_be_read_is_a_failure_for_now(service):
    output = FileBlob(os.open(os.devnull, os.O_WRONLY))
    session = service._session
    session.start(0.0)
    session.on_message(encode([Task(b"lease", b"", 1, 60.0, False, (b"x",))]), 0.0)
    session.on_result(b"lease", Done((Output("edges", "png", 10),), (output,), {}), 0.0)
    get = Get(b"lease", "edges", 0, 10)
    assert session.on_message(encode([get]), 0.0) == [ReadBlob(get, output)]
    service._execute([ReadBlob(get, output)])
    reason = "The worker cannot read an output from its disk: Bad file descriptor."
    assert service.sent == [encode([Failed(b"lease", "transient", reason)])]
