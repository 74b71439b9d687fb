"""The filters a recipe can name. Each is a pure function on an array; its module registers it.

What the authors of plugins need is here, too (docs/plugins.md).
"""

from worker.filters import binary, blur, colour, edges, geometry, kernel, morphology, tone, watermark
from worker.filters.image import Image, Place
from worker.filters.merge import Measured, Resampled, Rows, Whole
from worker.filters.parameters import Choice, Color, Integer, Kernel, Number, Parameter, Picture, Text
from worker.filters.registry import Alpha, Bound, Filter, bind, catalogue, check_filter, check_recipe, names, register

__all__ = [
    "Alpha",
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
    "edges",
    "geometry",
    "kernel",
    "morphology",
    "names",
    "register",
    "tone",
    "watermark",
]
