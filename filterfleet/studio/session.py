"""Photographs that people try recipes on, each with a process of its own, for as long as they do."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.studio import frames

# Photographs at once: another one takes the place of the one that was used least recently. More: more people can try at
# the same time. Less: they take less memory.
SESSIONS = 3
# Seconds without a question after which a photograph is forgotten. More: one can go on after a break. Less: memory is
# free sooner.
IDLE = 600.0
# Seconds that one question may take. More: slow filters can be tried on large photographs. Less: one that hangs
# gives up its processor sooner.
PATIENCE = 30.0
# Seconds that a try gets while a newer one waits; then it is ended, and the photograph decoded anew. More: a slider
# waits longer for a slow filter. Less: tries that were nearly done are thrown away.
TURN = 2.0
PICTURES = 4  # results of a photograph that are kept until they are fetched

MEDIA = frozenset({"image/jpeg", "image/png", "image/webp", "image/avif"})
FORGOTTEN = "The studio has forgotten this photograph: choose it again."

_COMMAND = (sys.executable, "-P", "-m", "filterfleet.studio.process")


class GoneError(FleetError):
    """There is no such photograph any more."""


class OvertakenError(FleetError):
    """A newer try has taken the place of this one."""


class _Child:
    """A process. One question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> _Child:
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=pipe, stdout=pipe, stderr=nothing)
        return cls(process)

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Raises FleetError when the process ends, or takes too long: then it is ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        message = frames.packed(question)
        try:
            async with asyncio.timeout(PATIENCE):
                stdin.write(message)
                await stdin.drain()
                (length,) = frames.LENGTH.unpack(await stdout.readexactly(frames.LENGTH.size))
                return frames.unpacked(await stdout.readexactly(frames.checked(length)))
        except TimeoutError:
            await self.end()
            raise FleetError(f"This takes more than {PATIENCE:g} seconds: try a smaller photograph.") from None
        except (OSError, asyncio.IncompleteReadError):
            await self.end()
            raise FleetError("The process that decodes photographs has died of this one.") from None
        except BaseException:  # half an answer is in the pipe
            await self.end()
            raise

    async def end(self) -> None:
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


@dataclass(eq=False)
class Session:
    """data is the photograph's file, kept in memory: a process that has ended is given it again."""

    data: bytes
    child: _Child | None = None
    newest: int = 0  # number of the newest try
    running: int = 0  # number of the last one that has begun
    began: float | None = None  # instant at which the process got its question
    gone: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    pictures: OrderedDict[int, tuple[bytes, str]] = field(default_factory=OrderedDict)
    idle: asyncio.TimerHandle | None = None

    async def photo(self) -> dict[str, Any]:
        """What the photograph is. Its picture is number 0. Raises FleetError."""
        async with self.lock:
            answer = await self._ask({"kind": "photo", "data": self.data})
        return self._kept(0, answer)

    async def tried(self, asked: dict[str, Any], *, full: bool) -> dict[str, Any]:
        """The result, whose picture has the number that it says. The newest try wins: older ones raise OvertakenError.
        Raises FleetError."""
        self.newest = number = self.newest + 1
        if self.lock.locked():
            self._overtake(number)
        async with self.lock:
            self._check_newest(number)
            self.running = number
            try:
                answer = await self._ask({"kind": "try", "asked": asked, "full": full})
            except FleetError:
                self._check_newest(number)
                raise
        return self._kept(number, answer)

    def _overtake(self, number: int) -> None:
        """Ends the try before this one when it has had its time. A process that is only starting has begun none."""
        if number != self.newest or self.running >= number:
            return
        loop = asyncio.get_running_loop()
        left = TURN if self.began is None else self.began + TURN - loop.time()
        if left > 0:
            loop.call_later(left, self._overtake, number)
        elif self.child is not None:
            self.child.kill()

    def _check_newest(self, number: int) -> None:
        if number != self.newest:
            raise OvertakenError("A newer try has taken the place of this one.")

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self.gone:
            raise GoneError(FORGOTTEN)
        try:
            if self.child is None:
                self.child = await _Child.start()
                if question["kind"] != "photo":
                    await self._give_photo(self.child)
            self.began = asyncio.get_running_loop().time()
            return _checked(await self.child.ask(question))
        except (_SaidError, frames.UnsendableError):
            raise
        except BaseException:
            self._end_child()
            if self.gone:
                raise GoneError(FORGOTTEN) from None
            raise
        finally:
            self.began = None

    async def _give_photo(self, child: _Child) -> None:
        try:
            _checked(await child.ask({"kind": "photo", "data": self.data}))
        except _SaidError:  # it has none now, and could answer nothing else
            self._end_child()
            raise

    def _kept(self, number: int, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer without its picture, which waits under its number."""
        picture, media = answer.pop("picture", None), answer.pop("type", None)
        if not isinstance(picture, bytes) or media not in MEDIA:
            raise FleetError("The process that decodes photographs said something that is no answer.")
        self.pictures[number] = (picture, media)
        while len(self.pictures) > PICTURES:
            del self.pictures[next(old for old in self.pictures if old != 0)]
        return {**answer, "number": number}

    def close(self) -> None:
        """Forget the photograph."""
        self.gone = True
        if self.idle is not None:
            self.idle.cancel()
        self._end_child()

    def _end_child(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child = None


class _SaidError(FleetError):
    """The process said what is wrong: it is well itself."""


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if isinstance(error := answer.get("error"), str):
        raise _SaidError(error)
    return answer


class Studio:
    """For the event loop of one process."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._filters: dict[str, Any] | None = None
        self._looking = asyncio.Lock()

    async def filters(self) -> dict[str, Any]:
        """The catalogue, which a process has loaded: plugins are not for this one. Raises FleetError."""
        async with self._looking:
            if self._filters is None:
                child = await _Child.start()
                try:
                    self._filters = _checked(await child.ask({"kind": "filters"}))
                finally:
                    await child.end()
            return self._filters

    async def photo(self, data: bytes) -> dict[str, Any]:
        """What a new photograph is, and the id under which recipes are tried on it. Raises FleetError."""
        session, id_ = Session(data), secrets.token_urlsafe(12)
        while len(self._sessions) >= SESSIONS:
            self._forget(next(iter(self._sessions)))
        self._sessions[id_] = session
        try:
            answer = await session.photo()
        except BaseException:
            self._forget(id_)
            raise
        self._touch(id_)
        return {**answer, "id": id_}

    async def tried(self, id_: str, asked: dict[str, Any], *, full: bool) -> dict[str, Any]:
        """Raises GoneError, OvertakenError and FleetError."""
        session = self._touch(id_)
        return await session.tried(asked, full=full)

    def picture(self, id_: str, number: int) -> tuple[bytes, str]:
        """Raises GoneError."""
        found = self._touch(id_).pictures.get(number)
        if found is None:
            raise GoneError("This picture has made room for newer ones.")
        return found

    async def close(self) -> None:
        children = [session.child for session in self._sessions.values() if session.child is not None]
        for id_ in list(self._sessions):
            self._forget(id_)
        await asyncio.gather(*(child.end() for child in children))

    def _touch(self, id_: str) -> Session:
        session = self._sessions.get(id_)
        if session is None:
            raise GoneError(FORGOTTEN)
        self._sessions.move_to_end(id_)
        if session.idle is not None:
            session.idle.cancel()
        session.idle = asyncio.get_running_loop().call_later(IDLE, self._forget, id_)
        return session

    def _forget(self, id_: str) -> None:
        session = self._sessions.pop(id_, None)
        if session is not None:
            session.close()
