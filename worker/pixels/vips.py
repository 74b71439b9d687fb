"""libvips, set up for a worker. Import it from here and nowhere else:
`from filterfleet.worker.pixels.vips import pyvips`.
"""

from __future__ import annotations

import atexit
import logging
from typing import Any

import pyvips

from filterfleet.common.blob import Blob
from filterfleet.common.payload import OpenFile
from filterfleet.worker.pixels.vips_buffers import use_small_buffers

use_small_buffers()
pyvips.concurrency_set(1)  # the pool of the worker already has a thread per core
pyvips.cache_set_max(0)  # nothing is computed twice, and a cache would keep images alive
# Users read our sentences, not a decoder's notes. pyvips logs the notes of libvips, and from here on GLib's as well.
logging.getLogger("pyvips").setLevel(logging.CRITICAL + 1)
_ALL_BUT_FATAL = 0xF8
_handler = pyvips.glib_lib.g_log_set_handler(
    b"GLib-GObject",
    _ALL_BUT_FATAL,
    pyvips._log_handler_cb,  # noqa: SLF001 - a second handler like it would take much code
    pyvips.ffi.NULL,
)
atexit.register(
    pyvips.glib_lib.g_log_remove_handler, b"GLib-GObject", _handler
)  # a callback into an interpreter that has ended would crash


def _text(raw: Any) -> str:
    """What libvips says, in which it may quote bytes of a file."""
    if raw == pyvips.ffi.NULL:
        return "NULL"
    return bytes(pyvips.ffi.string(raw)).decode(errors="replace")


# pyvips fails over a message that is not UTF-8, and never clears it, so that every later call would fail over it, too.
pyvips.error._to_string = _text  # noqa: SLF001 - Error has no other way in

_LOADERS = {
    "jpeg": pyvips.Image.jpegload_source,
    "png": pyvips.Image.pngload_source,
    "tiff": pyvips.Image.tiffload_source,
    "avif": pyvips.Image.heifload_source,
    "gif": pyvips.Image.gifload_source,
}
READABLE = frozenset(_LOADERS)


def open_image(
    blob: Blob, image_format: str, *, fail_on: str, disk: list[OSError], page: int = 0, unlimited: bool = False
) -> Any:
    """A lazy pyvips.Image of one of the READABLE formats, whose rows can be read once, from top to bottom. An OpenFile
    is read piece by piece, never whole.

    fail_on is libvips' own setting: none, truncated, error or warning. page is the number of a page of a TIFF.
    unlimited lets libtiff take more than 50 MB, which strips of wide images need: count what it takes. Raises
    pyvips.Error, here or where pixels are read. An error of the disk cannot pass through C: it is appended to disk, so
    look there first. Keep the image, or one derived from it, while a Region of it is in use: the image keeps the blob's
    reader alive.
    """
    source = _source(blob, disk)
    more: dict[str, Any] = {"page": page} if page else {}
    if unlimited:
        more["unlimited"] = True
    image = _LOADERS[image_format](source, access="sequential", fail_on=fail_on, **more)
    image._references.append(source)  # noqa: SLF001 - libvips calls it back; pyvips' new_from_source does the same
    return image


def out_of_memory(error: pyvips.Error) -> bool:
    """Whether libvips, or a library below it, failed because it could not allocate memory."""
    return "out of memory" in str(error)


def _source(blob: Blob, disk: list[OSError]) -> Any:
    if not isinstance(blob, OpenFile):
        return pyvips.Source.new_from_memory(blob)
    reader = _Reader(blob, disk)
    source = pyvips.SourceCustom()
    source.on_read(reader.read)
    source.on_seek(reader.seek)
    return source


class _Reader:
    """A position in a blob, which libvips moves."""

    def __init__(self, blob: OpenFile, disk: list[OSError]) -> None:
        self._blob = blob
        self._disk = disk
        self._at = 0

    def read(self, length: int) -> bytes:
        """At most length bytes; none at the end of the blob, and none when the disk fails."""
        try:
            data = self._blob.read(self._at, length)
        except OSError as error:
            self._disk.append(error)
            return b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int) -> int:
        """The new position, or -1 if it would lie before the start."""
        at = (0, self._at, len(self._blob))[whence] + offset
        if at < 0:
            return -1
        self._at = at
        return at


__all__ = ["READABLE", "open_image", "out_of_memory", "pyvips"]
