"""Facts about a filter, each as a sentence."""

from __future__ import annotations

from filterfleet.worker.filters.merge import Chain, Gathered, Hysteresis, Measured, Moved, Resampled, Rows, Whole
from filterfleet.worker.filters.parameters import Parameter
from filterfleet.worker.filters.registry import Alpha, Border, Filter


def default(parameter: Parameter) -> str:
    """As recipes have it: true, and lists in brackets."""
    if parameter.default is None:
        return "required"
    shown = str(parameter.default)
    if isinstance(parameter.default, tuple):
        return shown.replace("(", "[").replace(")", "]")
    return shown.lower() if isinstance(parameter.default, bool) else shown


def size(found: Filter) -> str:
    """Whether images of any size can be filtered."""
    match found.merge:
        case Rows() | Resampled() | Moved() | Gathered() | Chain():
            return "Takes images of any size: strips of rows join to the same pixels."
        case Measured():
            return "Takes images of any size: a first pass over strips measures, a second one joins to the same pixels."
        case Hysteresis():
            return "Takes images of any size: edges are followed from strip to strip and join to the same pixels."
        case Whole(why):
            return f"Needs the whole image at once, because {why}."


def keeps_depth(found: Filter) -> bool:
    """Whether images of 16 bits keep them, with the defaults."""
    return found.deep(**{name: parameter.default for name, parameter in found.parameters.items()})


def depth(found: Filter) -> str:
    return "Keeps 16 bits." if keeps_depth(found) else "Converts 16 bits to 8 first."


def transparency(found: Filter) -> str:
    return {
        Alpha.KEPT: "Leaves transparency as it is.",
        Alpha.WEIGHED: "Leaves transparency as it is.",
        Alpha.FILTERED: "Filters transparency like the colours.",
        Alpha.DROPPED: "Lays transparent images over white.",
        Alpha.ON_WHITE: "Lays transparent images over white.",
    }[found.alpha]


def colour(found: Filter) -> str:
    if found.bilevel:
        return "Works on the luma and gives black and white."
    return "Works on the luma and gives gray." if found.gray else "Works on colour and gray."


def border(found: Filter) -> str:
    return {
        Border.NONE: "Looks at no neighbours.",
        Border.MIRRORED: "Beyond its edges, the image is mirrored.",
        Border.REPEATED: "Beyond its edges, the outermost pixels are repeated.",
        Border.LEFT_OUT: "What is beyond the edges does not count.",
    }[found.border]


def everything(found: Filter) -> str:
    """All facts that are the same for any parameters."""
    return " ".join(fact(found) for fact in (colour, border, depth, transparency, size))
