"""Bytes as the cores see them: in memory, or in an open file that only their shell reads."""

from __future__ import annotations

from abc import abstractmethod

Payload = bytes | memoryview


class OpenFile:  # and no ABC, which takes long to say whether something is one
    """The part of a `common.blob.FileBlob` that a core may know. A core hands the object on, and imports nothing that
    opens files."""

    @abstractmethod
    def __len__(self) -> int:
        """Bytes."""

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """At most length bytes; fewer at the end. Raises OSError."""

    @abstractmethod
    def close(self) -> None:
        """Give the file's space back. Closing twice does no harm."""


Blob = Payload | OpenFile


def close(blob: Blob) -> None:
    """Close its file, if it is in one."""
    if isinstance(blob, OpenFile):
        blob.close()
