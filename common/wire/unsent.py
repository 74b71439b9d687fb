"""Messages that were sent and have not left this process yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import cast

import zmq

from filterfleet.common.payload import Payload

# Bytes of the smallest message that is counted; counting costs about as much as sending a small one. With a larger
# value, more bytes are in nobody's count; with a smaller one, small messages cost more time.
COUNTED = 16 << 10


class Unsent:
    """Counts the bytes of one peer's messages that libzmq has not handed to the system. libzmq does not tell them, but
    it gives each frame back that it was lent."""

    def __init__(self) -> None:
        self._lent: deque[tuple[zmq.MessageTracker, int]] = deque()
        self._bytes = 0

    @property
    def size(self) -> int:
        while self._lent and self._lent[0][0].done:
            self._bytes -= self._lent.popleft()[1]
        return self._bytes

    def lent(self, frames: Sequence[Payload]) -> Sequence[Payload]:
        """A message as it is to be sent, so that it counts until it has left. One that is not sent, or is lost with its
        connection, counts only while it exists."""
        size = sum(map(len, frames))
        if size < COUNTED:
            return frames
        *front, last = frames  # those before the last one leave earlier
        frame = zmq.Frame(last, track=True, copy=False)
        assert isinstance(frame.tracker, zmq.MessageTracker)
        self._lent.append((frame.tracker, size))
        self._bytes += size
        return [*front, cast("Payload", frame)]  # libzmq takes it as it takes bytes
