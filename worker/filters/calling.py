"""Calls the function of a filter, which may be somebody else's, and holds it to its word."""

from __future__ import annotations

import reprlib
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from filterfleet.common.errors import FilterError, FleetError
from filterfleet.common.text import one_line, printable
from filterfleet.worker.filters.merge import Hysteresis, Measured, Merge, Moved, Rows, Whole
from filterfleet.worker.filters.plugins import plugin_of
from filterfleet.worker.pixels.image import Image

_READ_ONLY = ("read-only", "readonly", "WRITEABLE")  # what NumPy and OpenCV say of an array that nobody may change
_VALUES = 120  # characters of a call's values that are shown at most
_DEPTHS = (np.uint8, np.uint16)


def called(name: str, function: Callable[..., Any], image: Image, values: Mapping[str, Any], **more: Any) -> Any:
    """function(image, **values, **more), which gets the image as an array into which it cannot write: another output
    may begin with the same one.

    Raises FilterError if it tries to, or if it raises what would end the program; and whatever else the function
    raises, with a note that names the filter, its plugin and the values.
    """
    given = np.asarray(image.data.toreadonly())  # nor can setflags() change that
    try:
        result = function(given, **values, **more)
    except FleetError:
        raise
    except Exception as error:
        if isinstance(error, ValueError | TypeError) or type(error).__module__.startswith("cv2"):
            said = str(error)
            if any(word in said for word in _READ_ONLY):
                raise FilterError(
                    f"{_title(name)} writes into the image that it gets, which other outputs need as it is: it has to "
                    "work on image.copy()."
                ) from error
        error.add_note(f"in filter {name!r}{_plugin(name)}{_shown(values)}")
        raise
    except BaseException as error:  # SystemExit, or a panic of a library in Rust
        if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
            raise  # Ctrl-C, which no other thread ever gets
        raise FilterError(
            f"{_title(name)} raises {type(error).__name__}, which ends programs: it has to raise an Exception, which "
            "fails its image alone."
        ) from error
    return image if result is given else result


def check_result(name: str, result: Any, image: Image, merge: Merge, *, adds_alpha: bool) -> None:
    """Raises FilterError unless this can be a filter's result for the image. adds_alpha: the image's transparency,
    which has the image's size, will be added to it."""
    if not isinstance(result, np.ndarray):
        raise FilterError(f"{_title(name)} returns {type(result).__name__}, not a numpy array.")
    if result.dtype not in _DEPTHS:
        raise FilterError(f"{_title(name)} returns an array of {result.dtype}, not of uint8 or uint16.")
    if not _is_image(result.shape, most=3 if adds_alpha else 4) or (not result.size and not isinstance(merge, Moved)):
        forms = "(h, w) or (h, w, 3)" if adds_alpha else "(h, w), (h, w, 2), (h, w, 3) or (h, w, 4)"
        raise FilterError(f"{_title(name)} returns an array of the shape {result.shape}, not {forms}.")
    if result.shape[:2] == image.shape[:2]:
        return
    sizes = f"{image.shape[1]} x {image.shape[0]} pixels to {result.shape[1]} x {result.shape[0]}"
    if keeps_size(merge):
        raise FilterError(
            f"{_title(name)} turns {sizes}, but its merge rule says that it keeps the size: filters that do not use "
            "Whole, Moved, Resampled or Gathered."
        )
    if adds_alpha:
        raise FilterError(
            f"{_title(name)} turns {sizes}, so transparency does not fit its result: it has to be registered with "
            "alpha=Alpha.FILTERED, and gets transparency as one more channel, or with Alpha.DROPPED."
        )


def keeps_size(merge: Merge) -> bool:
    """Whether the rule says that the result has the size of the image."""
    match merge:
        case Rows() | Measured() | Hysteresis():
            return True
        case Whole():
            return merge.keeps_size
    return False


def _is_image(shape: tuple[int, ...], most: int) -> bool:
    match shape:
        case (_, _) | (_, _, 3):
            return True
        case (_, _, 2 | 4):
            return most == 4
    return False


def _title(name: str) -> str:
    """The filter and its plugin, as sentences begin."""
    return f"The filter {name!r}{_plugin(name)}"


def _plugin(name: str) -> str:
    plugin = plugin_of(name)
    return f" of the plugin {printable(plugin)}" if plugin else ""


def failing(name: str, error: BaseException, doing: str) -> str:
    """That something else than the function of a filter fails, for its author: a sentence."""
    return f"{_title(name)} fails {doing}: {one_line(f'{type(error).__name__}: {error}', 200).rstrip('.')}."


def _shown(values: Mapping[str, Any]) -> str:
    """The values of a call, for the author of the filter: (size=5, sigma=1.4)."""
    if not values:
        return ""
    text = printable(", ".join(f"{name}={reprlib.repr(value)}" for name, value in values.items()))
    return f" ({text if len(text) <= _VALUES else text[: _VALUES - 3] + '...'})"
