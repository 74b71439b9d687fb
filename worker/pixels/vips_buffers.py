"""How many rows libvips keeps between two steps of a pipeline. Only its options for command lines say so."""

from __future__ import annotations

import contextlib
import ctypes
import sys

# Rows of a piece of an image. By default libvips has pieces of 128 rows, and keeps up to 750 rows of an image that it
# reads from top to bottom: 450 MB of an image that is 200,000 pixels wide. More: more memory. Less: tiled TIFFs are
# read more slowly.
_ROWS, _ROWS_OF_LINES = 16, 8


def use_small_buffers() -> None:
    """Must be called after pyvips is imported and before libvips makes its first image. Without effect where libvips
    is not found.
    """
    with contextlib.suppress(OSError, AttributeError):
        _set(f"--vips-tile-height={_ROWS}", f"--vips-fatstrip-height={_ROWS_OF_LINES}")


def _set(*options: str) -> None:
    """Gives libvips options in the way of vips_add_option_entries."""
    library = ctypes.CDLL(_path())
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    library.g_option_context_new.restype = library.g_option_group_new.restype = pointer
    library.g_option_context_new.argtypes = [text]
    library.g_option_group_new.argtypes = [text, text, text, pointer, pointer]
    library.g_option_context_set_main_group.argtypes = [pointer, pointer]
    library.g_option_context_parse.argtypes = [pointer, pointer, pointer, pointer]
    library.g_option_context_free.argtypes = [pointer]
    library.vips_add_option_entries.argtypes = [pointer]
    group = library.g_option_group_new(b"vips", b"", b"", None, None)
    library.vips_add_option_entries(group)
    context = library.g_option_context_new(b"")
    library.g_option_context_set_main_group(context, group)  # which it owns now
    words = (text * (len(options) + 2))(b"vips", *(option.encode() for option in options), None)
    count, place = ctypes.c_int(len(options) + 1), pointer(ctypes.addressof(words))
    library.g_option_context_parse(context, ctypes.byref(count), ctypes.byref(place), None)
    library.g_option_context_free(context)


def _path() -> str:
    """Of the library that pyvips calls: in its own binary module, if it has one."""
    module = sys.modules.get("_libvips")
    return "libvips.so.42" if module is None else str(module.__file__)
