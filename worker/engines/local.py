"""The engines inside this process: one image after the other, or a few threads."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from common.engine import ReadImage
from common.jobs import Job
from common.protocol import Failed, Result
from worker.attempt import attempt
from worker.opencv import prepare_process

LARGEST_IMAGE = 1 << 30  # bytes of an image file; local engines take it whole


def run_job(job: Job) -> Result | Failed:
    """The outcome of a job that was submitted with its payload. Never raises for what the image is."""
    image = job.payload[0] if job.payload else b""
    outcome = attempt(job.id, job.recipe, image)
    if isinstance(outcome, Failed):
        return outcome
    return Result(job.id, outcome.outputs, outcome.report, outcome.blobs)


class SequentialEngine:
    """Runs each job before submit() returns: the baseline of every comparison."""

    name = "sequential"
    inline_limit = LARGEST_IMAGE
    window = 2  # one is read while the other is processed

    def __init__(self) -> None:
        prepare_process()

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:  # noqa: ARG002
        future: Future[Result | Failed] = Future()
        future.set_result(run_job(job))
        return future

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        pass


class ThreadsEngine:
    """A pool of threads in this process; OpenCV releases the interpreter lock, so they use all cores."""

    name = "threads"
    inline_limit = LARGEST_IMAGE

    def __init__(self, threads: int) -> None:
        prepare_process()
        self.window = 2 * threads + 1
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="image")

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:  # noqa: ARG002
        return self._pool.submit(run_job, job)

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
