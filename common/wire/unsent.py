"""How much of what was sent is still in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

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

    def send(self, socket: zmq.Socket[bytes], frames: Sequence[Payload]) -> None:
        """Queue a message, never waiting. Raises zmq.Again or zmq.ZMQError (EHOSTUNREACH from a ROUTER)."""
        size = sum(map(len, frames))
        if size < COUNTED:
            socket.send_multipart(frames, zmq.DONTWAIT, copy=False)
            return
        *front, last = frames
        lent = zmq.Frame(last, track=True, copy=False)  # the frames before it leave earlier
        socket.send_multipart([*front, lent], zmq.DONTWAIT, copy=False)
        assert isinstance(lent.tracker, zmq.MessageTracker)
        self._lent.append((lent.tracker, size))
        self._bytes += size
