"""Names, numbers and small settings that the targets and their corpus agree on."""

from __future__ import annotations

from filterfleet.broker.scheduler import TOKEN
from filterfleet.broker.settings import Settings
from filterfleet.common.jobs.job import Job
from filterfleet.worker.leases.actions import Profile

START = 100.0  # seconds: the clock when a script begins

# Few enough that a fuzzer meets the same peer again, and more than the broker takes at once.
PEERS = (*(b"fx1|%d" % number for number in range(6)), b"plain", b"\0libzmq")
SMALL = Settings(
    tasks=6,
    held_bytes=2000,
    result_bytes=500,
    peers=5,
    task_timeout=5.0,
    dispatch_patience=4.0,
    opaque_life=8.0,
    calm=2.0,
    resend=6.0,
    parts_of_peer=6,
    parts_of_lease=4,
)
PROFILE = Profile(threads=2, prefetch=1, filters=("canny", "grayscale"), host="host", version="1", largest_image=4096)

JOBS = (Job(b"inline", b"recipe", ("canny",), 3, (b"abc",)), Job(b"pulled", b"recipe", (), 500))


class Counting:
    """Counts instead of rolling dice, so that a fuzzer can find and repeat the names that a core gives."""

    def __init__(self, number: int = 0) -> None:
        """The first name is that of the next number."""
        self._number = number

    def randbytes(self, n: int, /) -> bytes:
        """Several numbers of TOKEN bytes, or one of any other length."""
        length = TOKEN if n % TOKEN == 0 else n
        numbers = range(self._number + 1, self._number + 1 + n // length)
        self._number = numbers[-1]
        return b"".join(number.to_bytes(length, "big") for number in numbers)

    def random(self) -> float:
        return 0.5
