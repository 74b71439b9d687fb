"""An existing Dask cluster, or one that is started for a run. Images travel in messages, unless the
workers see the folders of the run."""

from __future__ import annotations

import contextlib
import functools
import logging
import tempfile
import threading
import warnings
from asyncio import CancelledError
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from msgspec.structs import replace

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.engine import ReadImage
from filterfleet.common.jobs.job import Job
from filterfleet.common.logs import quiet_unless_configured
from filterfleet.common.shares.names import Share
from filterfleet.common.wire import Failed, Result
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.worker.engines import ctrl_c
from filterfleet.worker.engines.referring import run_referred, with_image
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.shares import ByValue

# How long to wait for the scheduler's first answer. A larger value makes a wrong address take longer to report; a
# smaller one gives up on a scheduler under load.
PATIENCE = "10s"

# Seconds that the transfer of one outcome from its Dask worker may take. A larger value lets a lost worker hold up the
# end of a run longer; a smaller one gives up on large outputs over a slow network.
TRANSFER = 60.0

# Schemes of addresses whose connections are encrypted, and where both ends show certificates.
ENCRYPTED = {"tls", "wss"}

LOST = "The connection to the Dask scheduler was lost."


class DaskEngine:
    """scheduler is an address such as tls://host:8786, for which Dask's configuration names the certificates. None
    starts a cluster on this machine, with this many worker processes and threads in each. A scheduler runs the code
    that its clients send, so one without encryption is refused unless insecure is set.

    Raises FleetError when Dask is not installed, when no scheduler answers, and when it is refused.
    """

    name = "dask"
    inline_limit = BLOB_LIMIT  # large files that travel do so in messages, pickled, and are in memory until they arrive

    def __init__(
        self,
        scheduler: str | None,
        workers: int,
        threads: int,
        *,
        insecure: bool = False,
        shares: Sequence[Share] = (),
    ) -> None:
        """shares: folders that the workers may see as well, for images by reference."""
        self._shares = tuple(shares)
        distributed = _distributed()
        for logger in ("distributed", "distributed.client"):  # what matters arrives as an outcome
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", "Sending large graph")  # sending large images is the purpose here
        # A client that is being closed never answers: close() waits until no outcome is being fetched.
        self._free = threading.Condition()
        self._handing_over = False
        self._closing = False
        self._cluster: Any = None
        self._stack = contextlib.ExitStack()
        if scheduler is None:
            self._cluster = self._stack.enter_context(_local_cluster(distributed, workers, threads))
        elif not insecure:
            _require_encryption(distributed, scheduler)
        try:
            self._client: Any = distributed.Client(self._cluster or scheduler, timeout=PATIENCE)
        except TypeError:  # how Dask says that it needs a context for TLS
            raise FleetError(
                f"The Dask scheduler at {scheduler} cannot be reached without certificates: name them in Dask's "
                "configuration, distributed.comm.tls (ca-file, client.cert, client.key)."
            ) from None
        except (OSError, ValueError, TimeoutError) as error:
            raise FleetError(f"No Dask scheduler answers at {scheduler} ({error}): check --scheduler.") from None

    @property
    def window(self) -> int:
        """Twice the threads that the cluster has now, and one: Dask workers come and go."""
        threads: int = sum(self._client.nthreads().values())
        return 2 * threads + 1

    def submit(self, job: Job, read: ReadImage | None = None) -> Future[Result | Failed]:
        future: Future[Result | Failed] = Future()
        self._send(job, read, future)
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
        self._stack.close()

    def _send(self, job: Job, read: ReadImage | None, future: Future[Result | Failed]) -> None:
        try:
            sent = job if job.reference else with_image(job, read)
        except FleetError as error:
            future.set_exception(error)
            return
        # Not pure: otherwise Dask would answer a job that is submitted again from its memory.
        remote = self._client.submit(_run, sent, self._shares, pure=False, retries=1)
        remote.add_done_callback(functools.partial(self._hand_over, job, read, future))
        if self._client.status != "running":  # then it keeps the job and never answers
            self._settle(future, None)

    def _hand_over(self, job: Job, read: ReadImage | None, future: Future[Result | Failed], remote: Any) -> None:
        """Takes the outcome from Dask's future to ours. Runs on the one thread that Dask has for callbacks."""
        with self._free:
            if self._closing or remote.cancelled():
                self._settle(future, None)
                return
            self._handing_over = True
        try:
            outcome = _outcome(job.id, remote)
            if isinstance(outcome, ByValue):
                self._send(replace(job, reference=b""), read, future)
            else:
                self._settle(future, outcome)
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


def _distributed() -> Any:
    try:  # an optional package, and what it needs to make keys
        import cryptography  # noqa: F401
        import distributed
    except ImportError as error:
        raise FleetError(f"Dask cannot be used ({error}): pip install 'filterfleet[dask]'.") from None
    return distributed


def _require_encryption(distributed: Any, scheduler: str) -> None:
    scheme, _ = distributed.comm.addressing.parse_address(scheduler)
    if scheme not in ENCRYPTED:
        raise FleetError(
            f"The Dask scheduler at {scheduler} has no TLS: everybody who reaches it can read the images, and run code "
            "on its workers. Use a tls:// address, or --insecure if you trust everybody who reaches it."
        )


@contextlib.contextmanager
def _local_cluster(distributed: Any, workers: int, threads: int) -> Iterator[Any]:
    """A cluster on this machine that only this process can use. Its keys are made for it, and live in memory. What its
    workers put on disk is unpickled later, so it lies in a folder of its own, where nobody else can write.
    """
    pages: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
    with tempfile.TemporaryDirectory(prefix="filterfleet-dask-", ignore_cleanup_errors=True) as folder:
        with ctrl_c.kept_from_children(), distributed.dask.config.set(pages):
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=threads,
                protocol="tls://",
                security=distributed.Security.temporary(),
                local_directory=folder,
                dashboard_address="127.0.0.1:0",  # there are HTTP servers even without a dashboard; they have no pages
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,  # workers that outlive their scheduler for a moment log tracebacks
            )
        with contextlib.closing(cluster):
            yield cluster


def _outcome(job: bytes, remote: Any) -> Result | Failed | ByValue:
    error = remote.exception(timeout=TRANSFER)
    if error is not None:  # the pipeline never raises, so Dask itself gave up, for instance because its workers died
        return Failed(job, "transient", f"Dask gave up on the image: {error}.")
    outcome: Result | Failed | ByValue = remote.result(timeout=TRANSFER)
    return outcome


@functools.cache
def _prepare() -> None:
    prepare_process()
    quiet_unless_configured()


def _run(job: Job, shares: tuple[Share, ...]) -> Result | Failed | ByValue:
    """Runs on a Dask worker, where this package has to be installed."""
    _prepare()
    return run_referred(job, shares)
