"""Photographs that people try recipes on, each with a process of its own, and one process for recipes alone."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.studio import frames
from filterfleet.studio.child import Child, SaidError, checked

# Photographs at once: another one takes the place of the one that was used least recently. More: more people can try at
# the same time. Less: they take less memory.
SESSIONS = 3
# Seconds without a question after which a photograph is forgotten. More: one can go on after a break. Less: memory is
# free sooner.
IDLE = 600.0
# Seconds that a try gets while a newer one waits; then it is ended, and the photograph decoded anew. More: a slider
# waits longer for a slow filter. Less: tries that were nearly done are thrown away.
TURN = 2.0
PICTURES = 4  # results of a photograph that are kept until they are fetched

MEDIA = frozenset({"image/jpeg", "image/png", "image/webp", "image/avif"})
FORGOTTEN = "The studio has forgotten this photograph: choose it again."


class GoneError(FleetError):
    """There is no such photograph any more."""


class OvertakenError(FleetError):
    """A newer try has taken the place of this one."""


@dataclass(eq=False)
class Session:
    """data is the photograph's file, kept in memory: a process that has ended is given it again."""

    data: bytes
    child: Child | None = None
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
            if self.child is None or not self.child.is_alive:
                self.child = await Child.start()
                if question["kind"] != "photo":
                    await self._give_photo(self.child)
            self.began = asyncio.get_running_loop().time()
            return checked(await self.child.ask(question))
        except (SaidError, frames.UnsendableError):
            raise
        except BaseException:
            self._end_child()
            if self.gone:
                raise GoneError(FORGOTTEN) from None
            raise
        finally:
            self.began = None

    async def _give_photo(self, child: Child) -> None:
        try:
            checked(await child.ask({"kind": "photo", "data": self.data}))
        except SaidError:  # it has none now, and could answer nothing else
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


class _Helper:
    """A process without a photograph, for recipes alone. It stays while it is asked."""

    def __init__(self) -> None:
        self.child: Child | None = None
        self._lock = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Raises FleetError."""
        async with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            try:
                if self.child is None or not self.child.is_alive:
                    self.child = await Child.start()
                return checked(await self.child.ask(question))
            except (SaidError, frames.UnsendableError):
                raise
            except BaseException:
                self.close()
                raise
            finally:
                self._idle = asyncio.get_running_loop().call_later(IDLE, self.close)

    def close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self.child is not None:
            self.child.kill()
            self.child = None


class Studio:
    """For the event loop of one process."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._helper = _Helper()
        self._catalogue: dict[str, Any] | None = None

    async def catalogue(self) -> dict[str, Any]:
        """What a recipe may have, which a process has loaded: plugins are not for this one. Raises FleetError."""
        if self._catalogue is None:
            self._catalogue = await self._helper.ask({"kind": "catalogue"})
        return self._catalogue

    async def opened(self, data: bytes, beside: dict[str, bytes]) -> dict[str, Any]:
        """The recipe in TOML as the page has it; beside are the pictures that came with it. Raises FleetError."""
        return await self._helper.ask({"kind": "open", "data": data, "beside": beside})

    async def shipped(self, name: str) -> dict[str, Any]:
        """A recipe that ships as the page has it. Raises FleetError."""
        return await self._helper.ask({"kind": "open", "shipped": name})

    async def written(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The recipe of the page as TOML. Raises FleetError."""
        return await self._helper.ask({"kind": "write", "asked": asked})

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
        held = [self._helper.child, *(session.child for session in self._sessions.values())]
        children = [child for child in held if child is not None]
        self._helper.close()
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
