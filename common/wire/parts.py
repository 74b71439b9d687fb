"""Parts of messages. Each is an array in the map; what a later version adds at its end is ignored."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from filterfleet.common.wire import fields as f


class OutputFile(Struct, frozen=True, gc=False, array_like=True):
    """One output of a result: its name, its image format and its size in bytes."""

    name: f.Name
    format: f.Format
    size: f.Size


class Column(Struct, frozen=True, gc=False, array_like=True):
    """The outputs of one name: that name, and their image format."""

    name: f.Name
    format: f.Format


class Try(Struct, frozen=True, gc=False, array_like=True):
    """An earlier attempt at a job, which brought no outcome: the worker as its CREDIT named it, how it ended (lost,
    transient, expired, returned or overtaken), how many seconds it took, and how many before the outcome it ended."""

    worker: f.Host
    ending: f.Ending
    seconds: f.Seconds
    ago: f.Seconds
    reason: f.Reason = ""


Tries = Annotated[tuple[Try, ...], Meta(max_length=f.TRIES_LIMIT)]
