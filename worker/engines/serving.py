"""What a process of the engine `processes` does: it runs the jobs that its parent sends. This loads OpenCV."""

from __future__ import annotations

import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from filterfleet.common.blob import Blob
from filterfleet.common.logs import quiet_unless_configured
from filterfleet.common.wire import Result
from filterfleet.worker.done import close_files
from filterfleet.worker.engines.channel import Channel
from filterfleet.worker.engines.local import run_image
from filterfleet.worker.memory import Memory, confine
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.resources import Resources
from filterfleet.worker.settings import STUCK_EXIT


def serve(connection: Connection, threads: int, memory: int, time_limit: float) -> None:
    """Sends None when it is ready, and then runs jobs until the parent closes the pipe. memory is in bytes, for images;
    time_limit is in seconds, for each image.
    """
    prepare_process()
    quiet_unless_configured()
    confine(memory)
    resources = Resources(threads, Memory(memory))
    channel = Channel(connection)
    sending = threading.Lock()

    def work(id: bytes, recipe: bytes, image: Blob) -> None:  # noqa: A002 - as in the messages
        timer = threading.Timer(time_limit, os._exit, [STUCK_EXIT])
        timer.daemon = True
        timer.start()
        outcome = run_image(id, recipe, image, resources)
        timer.cancel()
        close_files([image])
        try:
            with sending:
                channel.send(outcome)
        except (OSError, MemoryError):  # the parent is gone, or has to learn from our death that there is no outcome
            os._exit(1)
        if isinstance(outcome, Result):
            close_files(outcome.payload)  # the parent has descriptors of its own

    with contextlib.suppress(OSError):
        channel.send(None)
    with ThreadPoolExecutor(threads) as pool:
        while True:
            try:
                pool.submit(work, *channel.recv())
            except (EOFError, OSError):
                return
