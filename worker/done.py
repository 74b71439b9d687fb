"""The outcome of an image that was processed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from filterfleet.common.payload import Blob, close
from filterfleet.common.wire import OutputFile


class Done(Struct, frozen=True, gc=False):
    """outputs and blobs correspond: blobs[n] is the file of outputs[n], in memory or, when it is large, on disk.

    report holds plain values about the work (see worker.pipeline.process). left, if it is not empty, says that the
    files lie in a share instead (see worker.shares), and then there are no blobs.
    """

    outputs: tuple[OutputFile, ...]
    blobs: tuple[Blob, ...]
    report: Mapping[str, Any]
    left: bytes = b""

    def close(self) -> None:
        """Free the disk space of the blobs."""
        close_files(self.blobs)


def close_files(blobs: Iterable[Blob]) -> None:
    """Close the files that blobs are in, if they are in files."""
    for blob in blobs:
        close(blob)
