"""A process that decodes photographs and reads recipes, as the server of the page sees it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from filterfleet.common.errors import FleetError
from filterfleet.studio import frames

# Seconds that one question may take. More: slow filters can be tried on large photographs. Less: one that hangs
# gives up its processor sooner.
PATIENCE = 30.0

_COMMAND = (sys.executable, "-P", "-m", "filterfleet.studio.process")


class SaidError(FleetError):
    """The process said what is wrong: it is well itself."""


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    if isinstance(error := answer.get("error"), str):
        raise SaidError(error)
    return answer


class Child:
    """A process. One question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Child:
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=pipe, stdout=pipe, stderr=nothing)
        return cls(process)

    @property
    def is_alive(self) -> bool:
        """As far as it is known: one that is killed is known to be dead a moment later."""
        return self._process.returncode is None

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
