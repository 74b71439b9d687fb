"""The engines inside this process: one image after the other, or several on threads."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from filterfleet.common.blob import Blob
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.attempt import attempt
from filterfleet.worker.done import close_files
from filterfleet.worker.engines.copies import image_of
from filterfleet.worker.memory import Memory, share
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.resources import Resources, default


def run_job(job: Job, read: ReadImage | None = None, resources: Resources | None = None) -> Result | Failed:
    """The outcome of a job. Raises FleetError when the image cannot be read; nothing that is in the image raises."""
    image = image_of(job, read)
    try:
        return run_image(job.id, job.recipe, image, resources or default())
    finally:
        close_files([image])


def run_image(
    id: bytes,  # noqa: A002 - as in the messages
    recipe: bytes,
    image: Blob,
    resources: Resources,
) -> Result | Failed:
    """The outcome for an image, as worker.attempt has it, in the words of the wire."""
    outcome = attempt(id, recipe, image, resources)
    if isinstance(outcome, Failed):
        return outcome
    return Result(id, outcome.outputs, outcome.report, outcome.blobs)


class SequentialEngine:
    """Runs each job before submit() returns: the baseline of every comparison."""

    name = "sequential"
    inline_limit = INLINE_LIMIT
    window = 2  # one image is read while another is processed

    def __init__(self, memory: int | None = None) -> None:
        """memory is in bytes, for images; None takes the default share of the machine."""
        prepare_process()
        self._resources = Resources(1, Memory(memory or share(1)))

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        future: Future[Result | Failed] = Future()
        try:
            future.set_result(run_job(job, read, self._resources))
        except FleetError as error:
            future.set_exception(error)
        return future

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        pass


class ThreadsEngine:
    """A pool of threads in this process. OpenCV releases the interpreter lock, so they use all cores."""

    name = "threads"
    inline_limit = INLINE_LIMIT

    def __init__(self, threads: int, memory: int | None = None) -> None:
        """memory is in bytes, for the images of all threads; None takes the default share of the machine."""
        prepare_process()
        self._resources = Resources(threads, Memory(memory or share(1)))
        self.window = 2 * threads + 1
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="image")

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        return self._pool.submit(run_job, job, read, self._resources)

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
