"""What a recipe does, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import SAME, Output, Recipe, Step, Value
from filterfleet.worker.filters import doubts
from filterfleet.worker.formats import Target
from filterfleet.worker.settings import WHOLE_PIXELS
from filterfleet.worker.strips.plan import Size, check
from filterfleet.worker.tree import grow

_HUGE = Size(30_011, 20_011)  # primes, so that no ratio of a resize comes out even by luck

_METADATA = {
    "keep": "EXIF and XMP are kept",
    "strip-gps": "EXIF without the GPS position, no XMP",
    "strip": "no EXIF, no XMP",
}
_DAMAGED = {"refuse": "damaged files are refused", "accept": "damaged files are decoded as far as possible"}
_WITH_QUALITY = (SAME, "jpeg", "webp", "avif")


def lines(recipe: Recipe) -> Iterator[str]:
    """The recipe's outputs, each with its chain, its encoding and the images it can take. The recipe must have been
    checked.
    """
    for output in recipe.outputs:
        yield f"{output.name}: {' -> '.join(['decode', *map(_step, output.steps), _encoding(output)])}"
        yield f"    {_sizes(output)}"
    yield f"metadata: {_METADATA[recipe.metadata]}; {_DAMAGED[recipe.damaged]}"
    yield f"digest {recipe.digest.hex()}: when it changes, every image is processed again"
    for doubt in (*doubts(recipe), *filter(None, map(_unused_quality, recipe.outputs))):
        yield f"warning: {doubt}"


def _step(step: Step) -> str:
    parameters = ", ".join(f"{name}={_value(value)}" for name, value in step.parameters)
    return f"{step.filter}({parameters})" if parameters else step.filter


def _value(value: Value) -> str:
    match value:
        case bytes():
            return f"<file of {len(value)} bytes>"
        case tuple():
            text = f"[{', '.join(map(_value, value))}]"
            return text if len(text) <= 60 else f"<matrix of {len(value)} rows>"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _encoding(output: Output) -> str:
    name = "the format of the source" if output.encoding == SAME else output.encoding
    quality = f", quality {output.quality}" if output.encoding in _WITH_QUALITY else ""
    effort = "" if output.effort is None else f", effort {output.effort}"
    return f"{name}{quality}{effort}"


def _unused_quality(output: Output) -> str | None:
    if output.encoding in _WITH_QUALITY or output.quality == Output(output.name, ()).quality:
        return None
    return f"Output {output.name!r} has a quality, which {output.encoding} does not know."


def _sizes(output: Output) -> str:
    target = Target("jpeg" if output.encoding == SAME else output.encoding)
    try:
        check(grow(Recipe((output,))), _HUGE, {output.name: target}, WHOLE_PIXELS)
    except ImageError as error:
        return f"huge images only if they fit into memory whole: {error}"
    return "images of any size: huge ones go through in strips"
