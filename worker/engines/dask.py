"""An existing Dask cluster, or one that is started for the occasion. Images travel in messages: no shared disk."""

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
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.worker.engines import ctrl_c
from filterfleet.worker.engines.local import run_job
from filterfleet.worker.pixels.opencv import prepare_process

PATIENCE = "10s"  # for the scheduler to answer
TRANSFER = 60.0  # seconds for an outcome to come from where it is, at most
LOST = "The connection to the Dask scheduler was lost."


class DaskEngine:
    """scheduler is an address such as tcp://host:8786, or None for workers processes with threads each here.

    Raises FleetError when there is no such scheduler, or no Dask.
    """

    name = "dask"
    inline_limit = BLOB_LIMIT  # files, too, travel in messages: pickled, and in memory until they have arrived

    def __init__(self, scheduler: str | None, workers: int, threads: int) -> None:
        try:  # an optional package
            import distributed as untyped
        except ImportError as error:
            raise FleetError(f"Dask cannot be used ({error}): pip install 'filterfleet[dask]'.") from None
        distributed: Any = untyped
        for logger in ("distributed", "distributed.client"):  # what matters comes as an outcome
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", "Sending large graph")  # large images are what this is for
        # A question to a client that is being closed is never answered: close() waits for the one under way.
        self._free = threading.Condition()
        self._handing_over = False
        self._closing = False
        self._cluster: Any = None
        if scheduler is None:
            with ctrl_c.kept_from_children():
                self._cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=threads,
                    dashboard_address="127.0.0.1:0",  # its HTTP server is there without a dashboard, too
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.CRITICAL,  # a worker that outlives its scheduler for a moment has tracebacks
                )
        try:
            self._client: Any = distributed.Client(self._cluster or scheduler, timeout=PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise FleetError(f"No Dask scheduler answers at {scheduler} ({error}): check --scheduler.") from None

    @property
    def window(self) -> int:
        """Dask workers come and go: as many as there are threads now, twice."""
        threads: int = sum(self._client.nthreads().values())
        return 2 * threads + 1

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:  # noqa: ARG002
        future: Future[Result | Failed] = Future()
        # Not pure: Dask would otherwise answer a job that is submitted again from its memory.
        remote = self._client.submit(_run, job, pure=False, retries=1)
        remote.add_done_callback(functools.partial(self._hand_over, job.id, future))
        if self._client.status != "running":  # it keeps such a job, and never says anything
            self._settle(future, None)
        return future

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        with self._free:
            self._closing = True
            self._free.wait_for(lambda: not self._handing_over, TRANSFER)
        for library in ("tornado", "asyncio"):  # what closing breaks off is no news
            logging.getLogger(library).setLevel(logging.CRITICAL)
        with contextlib.suppress(TimeoutError):
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _hand_over(self, job: bytes, future: Future[Result | Failed], remote: Any) -> None:
        """From Dask's future to ours; on Dask's one thread for this."""
        with self._free:
            if self._closing or remote.cancelled():
                self._settle(future, None)
                return
            self._handing_over = True
        try:
            self._settle(future, _outcome(job, remote))
        except (Exception, CancelledError):  # noqa: BLE001 - whatever it is, our future has to end
            self._settle(future, None)
        finally:
            with self._free:
                self._handing_over = False
                self._free.notify()

    def _settle(self, future: Future[Result | Failed], outcome: Result | Failed | None) -> None:
        """Once and for all; None says that the connection was lost."""
        with self._free:
            if future.done():
                return
            if outcome is None:
                future.set_exception(FleetError(LOST))
            else:
                future.set_result(outcome)


def _outcome(job: bytes, remote: Any) -> Result | Failed:
    error = remote.exception(timeout=TRANSFER)
    if error is not None:  # the pipeline never raises, so it is Dask that gave up: its workers died, for instance
        return Failed(job, "transient", f"Dask gave the image up: {error}.")
    outcome: Result | Failed = remote.result(timeout=TRANSFER)
    return outcome


@functools.cache
def _prepare() -> None:
    prepare_process()


def _run(job: Job) -> Result | Failed:
    """Runs on a Dask worker, which has this package installed."""
    _prepare()
    return run_job(job)
