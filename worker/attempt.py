"""One image, and an outcome whatever happens: nothing that an image does may end the thread that works on it."""

from __future__ import annotations

import contextlib
import functools
import time
from typing import Any, Literal

import msgpack
from msgspec.structs import replace

from filterfleet.common.blob import Blob, sha256_of, stowed, whole
from filterfleet.common.errors import FilterError, FleetError
from filterfleet.common.jobs.ids import short_id
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.logs import about, get_logger, tells_images
from filterfleet.common.process.system import host_and_pid
from filterfleet.common.ratelimit import RateLimit
from filterfleet.common.text import one_line
from filterfleet.common.wire import Failed
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.done import Done, close_files
from filterfleet.worker.pipeline import process, recipe_from
from filterfleet.worker.resources import Resources

# Characters of the text of an unexpected error that a user sees; the log has all of it. A larger value lets reports
# grow with what a library chooses to say; a smaller one hides what helps to find the fault.
_LONGEST_TEXT = 300

# Failures that a process writes to its log in a period, and its seconds; the listener's log has each of its own. More
# lets a client that submits rubbish fill the disk; less shows fewer of those that are worth reading.
LINES, LINES_PERIOD = 100, 60.0

log = get_logger("worker")
_lines = RateLimit(LINES, LINES_PERIOD)


def attempt(
    id: bytes,  # noqa: A002 - as in the messages
    recipe: bytes,
    image: Blob,
    resources: Resources,
) -> Done | Failed:
    """The image's outputs under the recipe, or the reason why there are none; a failure carries the id.

    Outputs that fit into a message are in memory, larger ones in files, which the caller closes. The image stays the
    caller's. Raises nothing.
    """
    with about(job=functools.cache(lambda: _job_of(image)), worker=host_and_pid):
        outcome = _outcome(id, recipe, image, resources)
        if isinstance(outcome, Failed):
            if total := _lines.admit("image failed", time.monotonic()):
                log.info("image failed", kind=outcome.kind, reason=outcome.reason, total=total)
        elif tells_images():
            log.info("image done")
    return outcome


def _outcome(id: bytes, recipe: bytes, image: Blob, resources: Resources) -> Done | Failed:  # noqa: A002
    kind: Literal["permanent", "transient"] = "transient"
    try:
        return _stowed(process(image, recipe_from(recipe), resources))
    except FilterError as error:
        log.exception("a filter breaks its promises")  # its author needs to know where
        kind, reason = "permanent", str(error)
    except FleetError as error:
        kind, reason = "permanent", str(error)
    except MemoryError:
        reason = "The worker has too little memory for this image."
    except OSError as error:
        reason = f"The worker cannot read or write a file: {error.strerror or error}."
    except (Exception, SystemExit) as error:  # a bug in a filter must cost one image, not the worker
        log.exception("unexpected failure")  # a fault of ours or of a plugin: its author needs to know where
        where = "".join(f" {note}" for note in getattr(error, "__notes__", ())[:1])
        reason = f"The worker failed unexpectedly{where}: {_in_a_line(error)}"
    return Failed(id, kind, one_line(reason), host_and_pid())


def _job_of(image: Blob) -> str:
    """The short id of the image's job, which a worker is not told: the broker's tokens say nothing of who asks for
    what. So it is computed, for a line of the log only."""
    try:
        return short_id(sha256_of(image))
    except (OSError, MemoryError):
        return ""


def _in_a_line(error: BaseException) -> str:
    """The kind of an error, and the first line of its text: libraries quote files and their own sources at length."""
    said = one_line(str(error).strip().partition("\n")[0], _LONGEST_TEXT)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _stowed(done: Done) -> Done:
    """The same with its small outputs in memory and its large ones in files. Raises OSError."""
    kept: list[Blob] = []
    try:
        for blob in done.blobs:
            kept.append(stowed(blob, INLINE_LIMIT))  # noqa: PERF401 - those before a failure have to be closed
    except BaseException:
        done.close()
        close_files(kept)
        raise
    close_files(blob for blob, same in zip(done.blobs, kept, strict=True) if blob is not same)
    return replace(done, blobs=tuple(kept))


def answer(body: Blob, resources: Resources) -> bytes:
    """The reply to a basic client that has sent an image file: a msgpack map of the default recipe's outputs by name,
    or {"error": sentence}.

    A basic client cannot pull large outputs. If they exceed what a message may carry, that is an error: the broker
    would cut the connection.
    """
    outcome = attempt(b"", DEFAULT.to_bytes(), body, resources)
    if isinstance(outcome, Failed):
        return _packed({"error": outcome.reason})
    with contextlib.closing(outcome):
        if sum(len(blob) for blob in outcome.blobs) > INLINE_LIMIT:
            limit = INLINE_LIMIT >> 20
            return _packed({"error": f"The results are too large for one message, which carries {limit} MiB."})
        return _packed({output.name: whole(blob) for output, blob in zip(outcome.outputs, outcome.blobs, strict=True)})


def _packed(content: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(content)
    return packed
