"""An existing Dask cluster, or one that is started for a run. Images travel in messages, so no disk is shared."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
import warnings
from asyncio import CancelledError
from concurrent.futures import Future
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.logs import quiet_unless_configured
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.worker.engines import ctrl_c
from filterfleet.worker.engines.local import run_job
from filterfleet.worker.pixels.opencv import prepare_process

# How long to wait for the scheduler's first answer. A larger value makes a wrong address take longer to report; a
# smaller one gives up on a scheduler under load.
PATIENCE = "10s"

# Seconds that the transfer of one outcome from its Dask worker may take. A larger value lets a lost worker hold up the
# end of a run longer; a smaller one gives up on large outputs over a slow network.
TRANSFER = 60.0

LOST = "The connection to the Dask scheduler was lost."


class DaskEngine:
    """scheduler is an address such as tcp://host:8786. None starts a cluster on this machine, with this many worker
    processes and threads in each.

    Raises FleetError when Dask is not installed or no scheduler answers.
    """

    name = "dask"
    inline_limit = BLOB_LIMIT  # even large files travel in messages, pickled, and are in memory until they arrive

    def __init__(self, scheduler: str | None, workers: int, threads: int) -> None:
        try:  # an optional package
            import distributed as untyped
        except ImportError as error:
            raise FleetError(f"Dask cannot be used ({error}): pip install 'filterfleet[dask]'.") from None
        distributed: Any = untyped
        for logger in ("distributed", "distributed.client"):  # what matters arrives as an outcome
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", "Sending large graph")  # sending large images is the purpose here
        # A client that is being closed never answers: close() waits until no outcome is being fetched.
        self._free = threading.Condition()
        self._handing_over = False
        self._closing = False
        self._cluster: Any = None
        if scheduler is None:
            with ctrl_c.kept_from_children():
                self._cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=threads,
                    dashboard_address="127.0.0.1:0",  # there is an HTTP server even without a dashboard
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,  # workers that outlive their scheduler for a moment log tracebacks
                )
        try:
            self._client: Any = distributed.Client(self._cluster or scheduler, timeout=PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise FleetError(f"No Dask scheduler answers at {scheduler} ({error}): check --scheduler.") from None

    @property
    def window(self) -> int:
        """Twice the threads that the cluster has now, and one: Dask workers come and go."""
        threads: int = sum(self._client.nthreads().values())
        return 2 * threads + 1

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:  # noqa: ARG002
        future: Future[Result | Failed] = Future()
        # Not pure: otherwise Dask would answer a job that is submitted again from its memory.
        remote = self._client.submit(_run, job, pure=False, retries=1)
        remote.add_done_callback(functools.partial(self._hand_over, job.id, future))
        if self._client.status != "running":  # then it keeps the job and never answers
            self._settle(future, None)
        return future

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        with self._free:
            self._closing = True
            self._free.wait_for(lambda: not self._handing_over, TRANSFER)
        for library in ("tornado", "asyncio"):  # complaints about what closing breaks off are no news
            logging.getLogger(library).setLevel(logging.CRITICAL)
        with contextlib.suppress(TimeoutError):
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _hand_over(self, job: bytes, future: Future[Result | Failed], remote: Any) -> None:
        """Takes the outcome from Dask's future to ours. Runs on the one thread that Dask has for callbacks."""
        with self._free:
            if self._closing or remote.cancelled():
                self._settle(future, None)
                return
            self._handing_over = True
        try:
            self._settle(future, _outcome(job, remote))
        except (Exception, CancelledError):  # noqa: BLE001 - our future has to end, whatever happened
            self._settle(future, None)
        finally:
            with self._free:
                self._handing_over = False
                self._free.notify()

    def _settle(self, future: Future[Result | Failed], outcome: Result | Failed | None) -> None:
        """Ends our future, unless it has ended. None means that the connection was lost."""
        with self._free:
            if future.done():
                return
            if outcome is None:
                future.set_exception(FleetError(LOST))
            else:
                future.set_result(outcome)


def _outcome(job: bytes, remote: Any) -> Result | Failed:
    error = remote.exception(timeout=TRANSFER)
    if error is not None:  # the pipeline never raises, so Dask itself gave up, for instance because its workers died
        return Failed(job, "transient", f"Dask gave up on the image: {error}.")
    outcome: Result | Failed = remote.result(timeout=TRANSFER)
    return outcome


@functools.cache
def _prepare() -> None:
    prepare_process()
    quiet_unless_configured()


def _run(job: Job) -> Result | Failed:
    """Runs on a Dask worker, where this package has to be installed."""
    _prepare()
    return run_job(job)
