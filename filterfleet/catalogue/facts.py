"""What the catalogue says of a filter, in words."""

from __future__ import annotations

from filterfleet.worker.filters.merge import Hysteresis, Measured, Resampled, Rows, Whole
from filterfleet.worker.filters.parameters import Parameter
from filterfleet.worker.filters.registry import Alpha, Filter


def default(parameter: Parameter) -> str:
    return "required" if parameter.default is None else str(parameter.default)


def size(found: Filter) -> str:
    """Whether images of any size can be filtered."""
    match found.merge:
        case Rows():
            return "Images of any size: strips of rows join to the same pixels."
        case Measured():
            return "Images of any size: a first pass over the strips measures, a second one joins to the same pixels."
        case Hysteresis():
            return "Images of any size: edges are followed from strip to strip, and join to the same pixels."
        case Resampled() if "method" in found.parameters:
            return "Images of any size by area, to fewer pixels, and by nearest; other ways may need the whole at once."
        case Resampled():
            return "Images of any size: strips of rows join to the same pixels."
        case Whole(why):
            return f"Needs the whole image at once, because {why}."


def depth(found: Filter) -> str:
    return "16 bits are kept." if found.deep else "16 bits are converted to 8 first."


def transparency(found: Filter) -> str:
    return {
        Alpha.KEPT: "Transparency stays as it is.",
        Alpha.FILTERED: "Transparency is filtered like the colours.",
        Alpha.DROPPED: "Transparency is dropped.",
    }[found.alpha]


def colour(found: Filter) -> str:
    if found.bilevel:
        return "Works on the luma and gives black and white."
    return "Works on the luma and gives gray." if found.gray else "Works on colour and gray."
