"""The filters that a recipe can name. Each is a pure function on an array, registered by its module.

Authors of plugins import everything they need from here (docs/plugins.md):

    from filterfleet.worker.filters import Image, Number, Rows, register

    @register("fade", merge=Rows(), strength=Number(50, minimum=0, maximum=100, unit="percent"))
    def fade(image: Image, strength: float) -> Image:
        '''Mix the image with white.'''
        white = np.iinfo(image.dtype).max
        return (image + (white - image) * (strength / 100)).round().astype(image.dtype)

An Image is a NumPy array of uint8 or uint16, with the shape (height, width) for gray, (height, width, 2) for gray and
alpha, (height, width, 3) for blue, green, red, or (height, width, 4) for these and alpha. Colours are not multiplied by
alpha. The function gets a read-only image and the values of its parameters by name, and returns a new image. It raises
ImageError (filterfleet.common.errors) for an image that it cannot take; its text becomes the reason of the failure.

merge says how results on horizontal strips join: Rows, Measured, Resampled, Moved, Gathered, Chain or Whole. Filter
explains the other options of register(), and Alpha and Border their values. Parameters are Integer, Number, Boolean,
Choice, Text, Color, Kernel, Points and Picture.
"""

from filterfleet.worker.filters import (
    binary,
    blur,
    colour,
    edges,
    finding,
    framing,
    geometry,
    kernel,
    letterboxing,
    levels,
    morphology,
    profiles,
    tone,
    turning,
    watermark,
)
from filterfleet.worker.filters.merge import Chain, Drawing, Gathered, Measured, Moved, Resampled, Rows, Whole
from filterfleet.worker.filters.parameters import (
    Boolean,
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
from filterfleet.worker.pixels.image import About, Image, Place

__all__ = [
    "About",
    "Alpha",
    "Boolean",
    "Border",
    "Bound",
    "Chain",
    "Choice",
    "Color",
    "Drawing",
    "Filter",
    "Gathered",
    "Image",
    "Integer",
    "Kernel",
    "Measured",
    "Moved",
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
    "finding",
    "framing",
    "geometry",
    "kernel",
    "letterboxing",
    "levels",
    "morphology",
    "names",
    "profiles",
    "register",
    "tone",
    "turning",
    "watermark",
]
