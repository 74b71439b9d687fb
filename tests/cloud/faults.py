"""A proxy in front of a server that misbehaves on command, as servers and networks do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from filterfleet.common.process.ports import free_ports

LOOPBACK = "127.0.0.1"
CHUNK = 16 << 10
REASONS = {403: "Forbidden", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() says RST instead of FIN


@dataclass(frozen=True)
class Pass:
    """Everything goes through."""


@dataclass(frozen=True)
class Refuse:
    """Nobody listens, and every open connection is reset."""


@dataclass(frozen=True)
class Answer:
    """Every HTTP request gets this status and never reaches the server. Open connections are reset."""

    status: int


@dataclass(frozen=True)
class Slow:
    """All connections and both directions together are this slow."""

    rate: float  # bytes a second


@dataclass(frozen=True)
class Stall:
    """Connections stay open, and nothing moves on them until the mode changes."""


@dataclass(frozen=True)
class Hold:
    """Nothing moves on a connection, until the mode changes, after this many bytes in both directions together."""

    after: int


@dataclass(frozen=True)
class Cut:
    """A connection is reset after this many bytes in both directions together."""

    after: int


Mode = Pass | Refuse | Answer | Slow | Stall | Hold | Cut


class FaultProxy:
    """Forwards TCP to a port on this machine in one of the modes.

    set_mode() may be called from any thread and applies to open connections too. counts tells how often each mode took
    effect on a connection or a request.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = _listen()
        self.port: int = self._listening.getsockname()[1]
        self.mode: Mode = Pass()
        self.counts: dict[type[Mode], int] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._free_at = 0.0  # the instant from which Slow lets bytes pass
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faults")

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._listening.close()

    def set_mode(self, mode: Mode) -> None:
        """Returns when the mode applies."""
        self._run(self._switch(mode))

    def _run(self, task: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(task, self._loop).result(10)

    async def _open(self) -> None:
        self._changed = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, sock=self._listening)

    async def _shut(self) -> None:
        self._server.close()
        self._reset_all()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _switch(self, mode: Mode) -> None:
        if isinstance(mode, Refuse):
            self._server.close()
        elif isinstance(self.mode, Refuse):
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        self.mode = mode
        self._free_at = 0.0
        if isinstance(mode, Refuse | Answer):
            self._reset_all()
        self._changed.set()
        self._changed = asyncio.Event()

    def _reset_all(self) -> None:
        for writer in self._writers:
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if isinstance(self.mode, Answer):
                await self._answer(reader, writer, self.mode.status)
            else:
                await self._forward(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            _reset(writer)  # only _shut() cancels this, and then waits for it
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
        """Reads the whole request first: a client that is still sending would see a reset instead of the answer."""
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"\r\nexpect: 100-continue" not in head:
            await _skip_body(reader, head)
        self._count(Answer)
        writer.write(f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_server = await asyncio.open_connection(LOOPBACK, self._target)
        self._writers.add(to_server)
        passed = Passed()
        try:
            await asyncio.gather(
                self._pump(reader, to_server, writer, passed), self._pump(there, writer, to_server, passed)
            )
        finally:
            self._writers.discard(to_server)
            to_server.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter, passed: Passed
    ) -> None:
        while data := await reader.read(CHUNK):
            passed.bytes += len(data)
            await self._delay(len(data), passed)
            if isinstance(self.mode, Cut) and passed.bytes > self.mode.after:
                self._count(Cut)
                _reset(writer)
                _reset(back)
                return
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _delay(self, size: int, passed: Passed) -> None:
        """Wait before size bytes are sent on, for as long as the mode demands."""
        while isinstance(self.mode, Stall) or (isinstance(self.mode, Hold) and passed.bytes > self.mode.after):
            self._count(type(self.mode))
            await self._changed.wait()
        if isinstance(self.mode, Slow):
            self._count(Slow)
            self._free_at = max(self._free_at, self._loop.time()) + size / self.mode.rate
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._free_at - self._loop.time())

    def _count(self, mode: type[Mode]) -> None:
        self.counts[mode] = self.counts.get(mode, 0) + 1


@dataclass
class Passed:
    """How much has gone over a connection, or is about to."""

    bytes: int = 0


def _listen() -> socket.socket:
    """A socket that listens on a port that outgoing connections never get: else a client could connect to itself."""
    while True:
        with contextlib.suppress(OSError):  # somebody else has just taken the port
            return socket.create_server((LOOPBACK, free_ports()[0]))


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            left = int(value)
            while left:
                left -= len(await reader.readexactly(min(left, CHUNK)))
        if name == b"transfer-encoding" and b"chunked" in value:
            while size := int((await reader.readline()).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            while (await reader.readline()).strip():
                pass


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
