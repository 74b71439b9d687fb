"""What a recipe does, in lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.job import EXTENSION_OF_OUTPUT
from filterfleet.common.jobs.output_options import ALL, TILED
from filterfleet.common.jobs.patterns import of_output, of_source
from filterfleet.common.jobs.recipe import SAME, Output, Recipe, Step, Value
from filterfleet.worker.filters import doubts
from filterfleet.worker.pipeline import stored_as, target_of
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
_WITH_QUALITY = (SAME, "jpeg", "webp", "avif", *TILED)
_STORED = ("lossless", "chroma", "progressive", "dpi", "max_bytes", "id")


def lines(recipe: Recipe) -> Iterator[str]:
    """The recipe's outputs, each with its chain, its encoding and the images it can take. The recipe must have been
    checked.
    """
    for output in recipe.outputs:
        yield f"{output.name}: {' -> '.join(['decode', *map(_step, output.steps), _encoding(output)])}"
        yield from (f"    {line}" for line in (*_options(output), _sizes(output)))
    if not recipe.auto_orient:
        yield "pictures stay as they are stored; their metadata say which way up they are, unless these are stripped"
    yield f"metadata: {_METADATA[recipe.metadata]}; {_DAMAGED[recipe.damaged]}"
    if recipe.mentioned:
        yield "texts say how files are called: copies are processed each, and a file again when it is renamed"
    yield f"digest {recipe.digest.hex()}: when it changes, every image is processed again"
    for doubt in (*doubts(recipe), *filter(None, map(_unused_quality, recipe.outputs)), *_shared_ids(recipe)):
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
    quality = f", quality {output.quality}" if _has_quality(output) else ""
    effort = "" if output.effort is None else f", effort {output.effort}"
    stored = "".join(f", {_told(key, value)}" for key, value in output.options.given().items() if key in _STORED)
    return f"{name}{quality}{effort}{stored}"


def _told(key: str, value: object) -> str:
    return key if value is True else f"{key} {value}"


def _options(output: Output) -> Iterator[str]:
    """Which images get it, and how its files are called."""
    given = output.options.given()
    if "when" in given:
        rules = [f"{key} {' or '.join(value) if key == 'format' else value}" for key, value in given["when"].items()]
        yield f"only for images with {' and '.join(rules)}"
    if output.options.pages == ALL:
        kind = "a TIFF of all pages" if output.encoding == "tiff" else "a zip with a file for each page"
        yield kind
    if output.options.name:
        name = of_output(output.options.name, width=1600, height=1200, extension=_extension(output), output=output.name)
        yield f"called, for example, {output.name}/{of_source(name, 'photo.jpg')}"


def _extension(output: Output) -> str:
    return EXTENSION_OF_OUTPUT[stored_as(output, target_of(output, "jpeg"))]


def _unused_quality(output: Output) -> str | None:
    if _has_quality(output) or output.quality == Output(output.name, ()).quality:
        return None
    kind = "a lossless file" if output.options.lossless else output.encoding
    return f"Output {output.name!r} has a quality, which {kind} does not know."


def _shared_ids(recipe: Recipe) -> Iterator[str]:
    first: dict[tuple[str, frozenset[str]], str] = {}
    for output in recipe.outputs:
        other = first.setdefault((output.options.id, output.mentioned), output.name)
        if output.options.id and other != output.name:
            yield (
                f"Outputs {other!r} and {output.name!r} have the same id, so the tiles of a picture that gets both "
                "have the same addresses: give each an id of its own."
            )


def _has_quality(output: Output) -> bool:
    return output.encoding in _WITH_QUALITY and not output.options.lossless


def _sizes(output: Output) -> str:
    if output.options.pages == ALL:
        return "huge images only if they fit into memory whole: each page goes whole"
    target = target_of(output, "jpeg")
    try:
        check(grow(Recipe((output,))), _HUGE, {output.name: target}, WHOLE_PIXELS)
    except ImageError as error:
        return f"huge images only if they fit into memory whole: {error}"
    return "images of any size: huge ones go through in strips"
