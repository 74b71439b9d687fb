"""libvips, set up for a worker: `from filterfleet.worker.pixels.vips import pyvips`."""

from __future__ import annotations

import atexit
import logging
from typing import Any

import pyvips

from filterfleet.common.blob import Blob, FileBlob

pyvips.concurrency_set(1)  # the pool of the worker already has a thread per core
pyvips.cache_set_max(0)  # nothing is computed twice, and a cache would hold on to images
# A user reads our sentence, not a decoder's notes. pyvips logs those of libvips, and from here on those of GLib too.
logging.getLogger("pyvips").setLevel(logging.CRITICAL + 1)
_ALL_BUT_FATAL = 0xF8
_handler = pyvips.glib_lib.g_log_set_handler(
    b"GLib-GObject",
    _ALL_BUT_FATAL,
    pyvips._log_handler_cb,  # noqa: SLF001 - a second one of its kind would be much code
    pyvips.ffi.NULL,
)
atexit.register(pyvips.glib_lib.g_log_remove_handler, b"GLib-GObject", _handler)  # it ends with the interpreter

_LOADERS = {
    "jpeg": pyvips.Image.jpegload_source,
    "png": pyvips.Image.pngload_source,
    "tiff": pyvips.Image.tiffload_source,
    "avif": pyvips.Image.heifload_source,
    "gif": pyvips.Image.gifload_source,
}
READABLE = frozenset(_LOADERS)


def open_image(blob: Blob, image_format: str, *, fail_on: str, disk: list[OSError]) -> Any:
    """A lazy pyvips.Image of one of the READABLE formats, for reading its rows once from top to bottom. A FileBlob is
    read as far as it is needed, never whole. fail_on is libvips' own: none, truncated, error or warning. Raises
    pyvips.Error, here or where the pixels are asked for; when the blob could not be read, disk then says why. Keep the
    image, or one made from it, as long as a Region of it is in use: the blob goes with it.
    """
    source = _source(blob, disk)
    image = _LOADERS[image_format](source, access="sequential", fail_on=fail_on)
    image._references.append(source)  # noqa: SLF001 - as pyvips' own new_from_source does; libvips calls it back
    return image


def _source(blob: Blob, disk: list[OSError]) -> Any:
    if not isinstance(blob, FileBlob):
        return pyvips.Source.new_from_memory(blob)
    reader = _Reader(blob, disk)
    source = pyvips.SourceCustom()
    source.on_read(reader.read)
    source.on_seek(reader.seek)
    return source


class _Reader:
    """A place in a blob, moved as libvips asks."""

    def __init__(self, blob: FileBlob, disk: list[OSError]) -> None:
        self._blob = blob
        self._disk = disk
        self._at = 0

    def read(self, length: int) -> bytes:
        try:
            data = self._blob.read(self._at, length)
        except OSError as error:
            self._disk.append(error)  # an exception does not pass through C
            return b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int) -> int:
        """The new place, or -1 when it would be none."""
        at = (0, self._at, len(self._blob))[whence] + offset
        if at < 0:
            return -1
        self._at = at
        return at


__all__ = ["READABLE", "open_image", "pyvips"]
