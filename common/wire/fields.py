"""The types of fields, with their limits. msgspec checks them while it reads a map."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

BLOB_LIMIT = 4 << 30  # bytes of the largest image or output that is moved at all
INLINE_LIMIT = 8 << 20  # bytes of payload in one multipart message
RECIPE_LIMIT = 64 << 10  # bytes
NAMES_LIMIT = 1024  # filters that one message can name
LEASES_LIMIT = 4096  # leases that one heartbeat can name
OUTPUTS_LIMIT = 64  # of one result
TRIES_LIMIT = 16  # earlier attempts that one outcome can tell of
ROWS_LIMIT = 1024  # jobs, leases or results in one message that has them in columns
SHORTEST_INTERVAL = 0.1  # seconds between heartbeats

Id = Annotated[bytes, Meta(min_length=1, max_length=64)]
Ids = Annotated[tuple[Id, ...], Meta(max_length=LEASES_LIMIT)]
RowIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=ROWS_LIMIT)]
Session = Annotated[bytes, Meta(max_length=32)]
Recipe = Annotated[bytes, Meta(max_length=RECIPE_LIMIT)]
Size = Annotated[int, Meta(ge=0, le=BLOB_LIMIT)]
Sizes = Annotated[tuple[Size, ...], Meta(max_length=16 * ROWS_LIMIT)]
Length = Annotated[int, Meta(ge=1, le=INLINE_LIMIT)]
Name = Annotated[str, Meta(max_length=64)]
Names = Annotated[tuple[Name, ...], Meta(max_length=NAMES_LIMIT)]
OutputNames = Annotated[tuple[Name, ...], Meta(max_length=OUTPUTS_LIMIT)]
Reference = Annotated[bytes, Meta(max_length=8192)]
Left = Annotated[bytes, Meta(max_length=64)]
Format = Annotated[str, Meta(max_length=16)]
Priority = Annotated[int, Meta(ge=0, le=9)]
Interval = Annotated[float, Meta(ge=SHORTEST_INTERVAL, le=3600)]
Wait = Annotated[float, Meta(ge=0, le=3600)]
Timeout = Annotated[float, Meta(ge=0, le=1e6)]
Missed = Annotated[int, Meta(ge=1, le=100)]
Slots = Annotated[int, Meta(ge=0, le=LEASES_LIMIT)]
Threads = Annotated[int, Meta(ge=1, le=LEASES_LIMIT)]
FleetThreads = Annotated[int, Meta(ge=0, le=1 << 32)]
Minor = Annotated[int, Meta(ge=0, le=1000)]
Host = Annotated[str, Meta(max_length=255)]
Version = Annotated[str, Meta(max_length=64)]
Reason = Annotated[str, Meta(max_length=2000)]
Kind = Literal["permanent", "transient"]
Ending = Annotated[str, Meta(max_length=16)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
