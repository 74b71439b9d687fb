"""The filters that a recipe can name. Each is a pure function on an array, registered by its module.

Authors of plugins import everything they need from here (docs/plugins.md).
"""

from filterfleet.worker.filters import (
    binary,
    blur,
    colour,
    edges,
    geometry,
    kernel,
    levels,
    morphology,
    tone,
    watermark,
)
from filterfleet.worker.filters.merge import Measured, Resampled, Rows, Whole
from filterfleet.worker.filters.parameters import (
    Choice,
    Color,
    Integer,
    Kernel,
    Number,
    Parameter,
    Picture,
    Points,
    Text,
)
from filterfleet.worker.filters.registry import (
    Alpha,
    Border,
    Bound,
    Filter,
    bind,
    catalogue,
    check_filter,
    check_recipe,
    doubts,
    names,
    register,
)
from filterfleet.worker.pixels.image import Image, Place

__all__ = [
    "Alpha",
    "Border",
    "Bound",
    "Choice",
    "Color",
    "Filter",
    "Image",
    "Integer",
    "Kernel",
    "Measured",
    "Number",
    "Parameter",
    "Picture",
    "Place",
    "Points",
    "Resampled",
    "Rows",
    "Text",
    "Whole",
    "binary",
    "bind",
    "blur",
    "catalogue",
    "check_filter",
    "check_recipe",
    "colour",
    "doubts",
    "edges",
    "geometry",
    "kernel",
    "levels",
    "morphology",
    "names",
    "register",
    "tone",
    "watermark",
]
