"""Several files in one: a zip (PKWARE's APPNOTE) without compression, the same bytes every time."""

from __future__ import annotations

import zipfile

from filterfleet.common.blob import FileBlob

_DATE = (1980, 1, 1, 0, 0, 0)  # of every file in it: the first that a zip can say


class Archive:
    """It owns a temporary file until finish() hands that over."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._file = FileBlob()
        self._end = _Writable(self._file)
        self._zip = zipfile.ZipFile(self._end, "w", zipfile.ZIP_STORED)

    def add(self, name: str, data: bytes) -> None:
        """Raises OSError."""
        entry = zipfile.ZipInfo(name, _DATE)
        entry.create_system = 3  # Unix, on every system
        entry.external_attr = 0o644 << 16
        self._zip.writestr(entry, data)

    def finish(self) -> FileBlob:
        """The file, which is now the caller's to close. Raises OSError."""
        self._zip.close()
        return self._file

    def close(self) -> None:
        """Ends the temporary file, of an archive that nobody will use. A second call does nothing."""
        self._end.ended = True
        self._zip.close()
        self._file.close()


class _Writable:
    """A FileBlob as zipfile wants to have files. A ZipFile that has not been closed writes its directory when nobody
    refers to it any more. Once this has ended, what is written goes nowhere: the file may be gone."""

    mode = "wb"
    ended = False

    def __init__(self, file: FileBlob) -> None:
        self._file = file
        self._at = 0

    def write(self, data: bytes, /) -> int:
        if not self.ended:
            self._file.write(self._at, data)
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = (0, self._at, len(self._file))[whence] + offset
        return self._at

    def flush(self) -> None:
        """Everything is written at once."""

    def close(self) -> None:
        """The file goes on to its owner."""
