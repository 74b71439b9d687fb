"""The outcome of an image that was processed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from filterfleet.common.payload import Blob, close
from filterfleet.common.wire import OutputFile


class Done(Struct, frozen=True):
    """outputs and blobs correspond: blobs[n] is the file of outputs[n], in memory or, when it is large, on disk.

    report holds plain values about the work (see worker.pipeline.process).
    """

    outputs: tuple[OutputFile, ...]
    blobs: tuple[Blob, ...]
    report: Mapping[str, Any]

    def close(self) -> None:
        """Free the disk space of the blobs."""
        close_files(self.blobs)


def close_files(blobs: Iterable[Blob]) -> None:
    """Close the files that blobs are in, if they are in files."""
    for blob in blobs:
        close(blob)
