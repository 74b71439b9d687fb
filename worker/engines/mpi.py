"""mpi4py.futures: the ranks of an MPI job as workers, on one machine or on a cluster under Slurm.

Every rank runs the same command line. Rank 0 drives; the others serve until it is done, and end.
"""

from __future__ import annotations

import functools
import signal
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from msgspec.structs import replace

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.shares.names import Share
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.worker.engines.referring import run_referred, with_image
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.shares import ByValue


class MpiEngine:
    """Raises FleetError without mpi4py or outside mpiexec. On every rank but 0 it serves, and raises SystemExit when
    all is done.
    """

    name = "mpi"
    inline_limit = BLOB_LIMIT  # large files that travel do so in messages, pickled, and are in memory until they arrive

    def __init__(self, shares: Sequence[Share] = ()) -> None:
        """shares: folders that the other ranks may see as well, for images by reference."""
        self._shares = tuple(shares)
        try:  # an optional package, whose import starts MPI: that only a process under mpiexec may do
            from mpi4py import MPI
            from mpi4py.futures import MPICommExecutor
        except (ImportError, RuntimeError) as error:  # RuntimeError: mpi4py is installed, but its MPI library is not
            raise FleetError(f"MPI cannot be used ({error}): pip install 'filterfleet[mpi]'.") from None
        if MPI.COMM_WORLD.Get_size() < 2:
            raise FleetError("MPI has one rank only: start with mpiexec -n 3 filterfleet run … --engine mpi.")
        prepare_process()
        self.window = 2 * MPI.COMM_WORLD.Get_size()
        if MPI.COMM_WORLD.Get_rank() != 0:  # Ctrl-C and Slurm signal all ranks, but only the one that drives should act
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._context: Any = MPICommExecutor(MPI.COMM_WORLD, root=0)
        self._executor: Any = self._context.__enter__()
        if self._executor is None:  # this rank was a worker, and rank 0 has just closed
            self._context.__exit__(None, None, None)
            raise SystemExit(0)

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        future: Future[Result | Failed] = Future()
        self._send(job, read, future)
        return future

    def _send(self, job: Job, read: ReadImage | None, future: Future[Result | Failed]) -> None:
        try:
            sent = job if job.reference else with_image(job, read)
            running = self._executor.submit(run_referred, sent, self._shares)
        except (FleetError, RuntimeError) as error:  # the image has changed, or the executor has been closed
            future.set_exception(error)
        else:
            running.add_done_callback(functools.partial(self._ended, job, read, future))

    def _ended(
        self,
        job: Job,
        read: ReadImage | None,
        future: Future[Result | Failed],
        ended: Future[Result | Failed | ByValue],
    ) -> None:
        if ended.cancelled():
            future.cancel()
        elif (error := ended.exception()) is not None:
            future.set_exception(error)
        elif isinstance(outcome := ended.result(), ByValue):
            self._send(replace(job, reference=b""), read, future)
        else:
            future.set_result(outcome)

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
        self._context.__exit__(None, None, None)
