"""An existing Dask cluster, or one that is started for the occasion. Images travel in messages: no shared disk."""

from __future__ import annotations

import contextlib
import functools
from concurrent.futures import Future
from typing import Any

from common.engine import ReadImage
from common.errors import FleetError
from common.jobs import Job
from common.protocol import Failed, Result
from worker.engines.local import LARGEST_IMAGE, run_job
from worker.opencv import prepare_process

PATIENCE = "10s"  # for the scheduler to answer


class DaskEngine:
    """scheduler is an address such as tcp://host:8786, or None for workers processes with threads each here.

    Raises FleetError when there is no such scheduler, or no Dask.
    """

    name = "dask"
    inline_limit = LARGEST_IMAGE

    def __init__(self, scheduler: str | None, workers: int, threads: int) -> None:
        try:
            import distributed as untyped
        except ImportError as error:
            raise FleetError(f"Dask cannot be used ({error}): pip install 'filterfleet[dask]'.") from None
        distributed: Any = untyped
        self._cluster: Any = None
        if scheduler is None:
            self._cluster = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=threads, dashboard_address=None
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
        remote.add_done_callback(functools.partial(_hand_over, job.id, future))
        return future

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()


@functools.cache
def _prepare() -> None:
    prepare_process()


def _run(job: Job) -> Result | Failed:
    """Runs on a Dask worker, which has this package installed."""
    _prepare()
    return run_job(job)


def _hand_over(job: bytes, future: Future[Result | Failed], remote: Any) -> None:
    """From Dask's future to ours; on one of Dask's threads."""
    if remote.cancelled():
        future.set_exception(FleetError("The connection to the Dask scheduler was closed."))
        return
    error = remote.exception()
    if error is None:
        future.set_result(remote.result())
    else:  # the pipeline never raises, so it is Dask that gave up: its workers died, for instance
        future.set_result(Failed(job, "transient", f"Dask gave the image up: {error}."))
