"""The outcome of an image that was processed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.wire import OutputFile


@dataclass(frozen=True, slots=True)
class Done:
    """outputs and blobs correspond: blobs[n] is the file of outputs[n], in memory or, when it is large, on disk.

    report holds plain values about the work (see worker.pipeline.process).
    """

    outputs: tuple[OutputFile, ...]
    blobs: tuple[Blob, ...]
    report: Mapping[str, Any]

    def close(self) -> None:
        """Frees the disk space of the blobs."""
        close_files(self.blobs)


def close_files(blobs: Iterable[Blob]) -> None:
    """Closes the blobs that are files; the others are only memory."""
    for blob in blobs:
        if isinstance(blob, FileBlob):
            blob.close()
