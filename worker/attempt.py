"""One image, and an outcome whatever happens: nothing that an image does may end the thread that runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import msgpack

from filterfleet.common.blob import Blob, stowed, whole
from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.logs import get_logger
from filterfleet.common.wire import Failed
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.leases.actions import Done
from filterfleet.worker.pipeline import process, recipe_from
from filterfleet.worker.resources import Resources

TIME_LIMIT = 300.0  # seconds for an image when nobody says otherwise; a thread that takes longer ends its process
STUCK_EXIT = 75  # EX_TEMPFAIL of sysexits.h: the exit code of that process

log = get_logger("worker")


def attempt(
    id: bytes,  # noqa: A002 - as in the messages
    recipe: bytes,
    image: Blob,
    resources: Resources,
) -> Done | Failed:
    """The image's outputs under the recipe, or why there are none; id is that of a failure.

    Outputs that fit into a message are in memory, larger ones in files.
    """
    kind: Literal["permanent", "transient"] = "transient"
    try:
        done = process(image, recipe_from(recipe), resources)
        return replace(done, blobs=tuple(stowed(blob, INLINE_LIMIT) for blob in done.blobs))
    except FleetError as error:
        kind, reason = "permanent", str(error)
    except MemoryError:
        reason = "The worker has too little memory for this image."
    except OSError as error:
        reason = f"The worker cannot read or write a file: {error.strerror or error}."
    except (Exception, SystemExit) as error:  # a bug in a filter must cost one image, not the worker
        log.exception("unexpected failure")
        reason = f"The worker failed unexpectedly: {type(error).__name__}: {error}"
    return Failed(id, kind, reason)


def answer(body: Blob, resources: Resources) -> bytes:
    """What a basic client gets for an image file: a msgpack map of the default recipe's outputs by name, or
    {"error": sentence}.

    A basic client cannot pull: what a message may not carry (the broker would cut the connection) is an error.
    """
    outcome = attempt(b"", DEFAULT.to_bytes(), body, resources)
    content: dict[str, Any]
    if isinstance(outcome, Failed):
        content = {"error": outcome.reason}
    elif sum(len(blob) for blob in outcome.blobs) > INLINE_LIMIT:
        content = {"error": f"The results are too large for one message, which carries {INLINE_LIMIT >> 20} MiB."}
    else:
        content = {output.name: whole(blob) for output, blob in zip(outcome.outputs, outcome.blobs, strict=True)}
    packed: bytes = msgpack.packb(content)
    return packed
