"""The filters a recipe can name. Each is a pure function on an array; its module registers it."""

from worker.filters import binary, blur, colour, edges, geometry, kernel, morphology, tone, watermark
from worker.filters.image import Image, Place
from worker.filters.registry import Bound, Filter, bind, catalogue, check_recipe, names

__all__ = [
    "Bound",
    "Filter",
    "Image",
    "Place",
    "binary",
    "bind",
    "blur",
    "catalogue",
    "check_recipe",
    "colour",
    "edges",
    "geometry",
    "kernel",
    "morphology",
    "names",
    "tone",
    "watermark",
]
