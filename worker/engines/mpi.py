"""mpi4py.futures: the ranks of an MPI job as workers, on one machine or on a cluster under Slurm.

Every rank runs the same command line. Rank 0 drives; the others serve until it is done, and end.
"""

from __future__ import annotations

import signal
from concurrent.futures import Future
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.worker.engines.local import run_job
from filterfleet.worker.pixels.opencv import prepare_process


class MpiEngine:
    """Raises FleetError without mpi4py or outside mpiexec. On every rank but 0 it serves, and raises SystemExit when
    all is done.
    """

    name = "mpi"
    inline_limit = BLOB_LIMIT  # even large files travel in messages, pickled, and are in memory until they arrive

    def __init__(self) -> None:
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

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:  # noqa: ARG002
        future: Future[Result | Failed] = self._executor.submit(run_job, job)
        return future

    def acknowledge(self, job: bytes) -> None:
        pass

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
        self._context.__exit__(None, None, None)
