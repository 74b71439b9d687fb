"""One image through one recipe, whole or in strips."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from filterfleet.common.blob import Blob, checksum, sha256_of, stowed
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.job import EXTENSION_OF_FORMAT
from filterfleet.common.jobs.output_options import ALL, DEEPZOOM, IIIF
from filterfleet.common.jobs.patterns import needs_size
from filterfleet.common.jobs.recipe import SAME, Output, Recipe
from filterfleet.common.jobs.sourced import mark
from filterfleet.common.logs import get_logger
from filterfleet.common.process.system import VERSION, host_and_pid
from filterfleet.common.wire import OutputFile
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker import formats
from filterfleet.worker.admission import Way, admit
from filterfleet.worker.all_pages import BOUND, Book, open_book
from filterfleet.worker.clock import Clock
from filterfleet.worker.done import Done, close_files
from filterfleet.worker.filters import check_recipe
from filterfleet.worker.formats.about import about
from filterfleet.worker.formats.pages import ONLY_PAGE
from filterfleet.worker.needs import whole_need
from filterfleet.worker.resources import Resources, default
from filterfleet.worker.sizes import check_sizes
from filterfleet.worker.strips import Cost, cheapest, obstacle, process_in_strips
from filterfleet.worker.strips.needs import need as strips_need
from filterfleet.worker.tree import Node, grow, informed
from filterfleet.worker.whole import Outgrown, Sized, noting, outputs_of

log = get_logger("worker")


class _Made(NamedTuple):
    """Files of outputs, and their width and height in pixels, by name; seconds by kind of work."""

    files: Mapping[str, Blob]
    sizes: Mapping[str, tuple[int, int]]
    seconds: Mapping[str, float]


@functools.lru_cache(maxsize=64)
def recipe_from(data: bytes) -> Recipe:
    """The recipe of a task, with every step checked. Raises RecipeError."""
    recipe = Recipe.from_bytes(data)
    check_recipe(recipe)
    return recipe


def process(blob: Blob, recipe: Recipe, resources: Resources | None = None, clock: Clock | None = None) -> Done:
    """Every output of the recipe for one image file. The caller closes the result; the blob stays the caller's.

    The report has the image's width and height in pixels after rotation, its format, the worker (host/pid) and its
    version, and the seconds spent in decode, filter and encode; for an image in strips they are summed over threads.
    sums are the CRC-32 of the outputs, for whoever keeps them, and sizes their width and height where a name has them.
    An output that the recipe does not make of such an image is empty. The report has notes where something of the file
    was left out. Raises ImageError and RecipeError, both permanent, MemoryError, and OSError when there is no room for
    temporary files. clock is told of each step of an image that goes whole.
    """
    resources = resources or default()
    header = formats.read_header(blob)
    if not recipe.auto_orient:
        header = header.unturned()
    width, height = header.upright
    made = tuple(output for output in recipe.outputs if output.options.when.admits(width, height, header.format))
    targets = {output.name: target_of(output, header.format) for output in recipe.outputs}
    if any(output.encoding == IIIF for output in made):
        content = sha256_of(blob).hex()
        targets |= {
            output.name: replace(targets[output.name], source=_called(output, recipe, content)) for output in made
        }
    files, sizes, seconds = _made(blob, header, replace(recipe, outputs=made), targets, resources, clock or Clock())
    blobs = tuple(files.get(output.name, b"") for output in recipe.outputs)
    outputs = tuple(
        OutputFile(output.name, stored_as(output, targets[output.name]), len(file))
        for output, file in zip(recipe.outputs, blobs, strict=True)
    )
    report: dict[str, Any] = {
        "width": width,
        "height": height,
        "format": header.format,
        "worker": host_and_pid(),
        "version": VERSION,
        "sums": [checksum(file) for file in blobs],
    }
    if any(needs_size(output.options.name) for output in recipe.outputs):
        report["sizes"] = [list(sizes.get(output.name, (0, 0))) for output in recipe.outputs]
    if notes := _notes(header, made):
        report["notes"] = " ".join(notes)
        log.info("a file was not kept in full", notes=report["notes"], outputs=[output.name for output in outputs])
    return Done(outputs, blobs, report | dict(seconds))


def _made(
    blob: Blob,
    header: formats.Header,
    recipe: Recipe,
    targets: Mapping[str, formats.Target],
    resources: Resources,
    clock: Clock,
) -> _Made:
    """recipe has only the outputs that this image gets."""
    of_all = tuple(output for output in recipe.outputs if output.options.pages == ALL)
    of_one = tuple(output for output in recipe.outputs if output.options.pages != ALL)
    result = _Made({}, {}, {"decode": 0.0, "filter": 0.0, "encode": 0.0})
    book = None
    if of_all:
        theirs = {output.name: targets[output.name] for output in of_all}
        book = open_book(blob, header, replace(recipe, outputs=of_all), theirs, resources.memory.total)
    if of_one:
        result = _of_one_page(blob, header, replace(recipe, outputs=of_one), targets, resources, clock)
    if book is not None:
        pages = Clock()
        try:
            files, sizes = _bound(book, resources, pages)
        except BaseException:
            close_files(result.files.values())
            raise
        seconds = {kind: result.seconds[kind] + spent for kind, spent in pages.seconds.items()}
        result = _Made({**result.files, **files}, {**result.sizes, **sizes}, seconds)
    return result


def _bound(book: Book, resources: Resources, clock: Clock) -> tuple[Mapping[str, Blob], Mapping[str, tuple[int, int]]]:
    while True:
        need = book.need()
        with resources.memory.hold(need), contextlib.suppress(Outgrown):
            return book.bound(clock, need)


def _of_one_page(
    blob: Blob,
    header: formats.Header,
    recipe: Recipe,
    targets: Mapping[str, formats.Target],
    resources: Resources,
    clock: Clock,
) -> _Made:
    """An image that grows beyond the memory that was set aside for it begins anew, with more of it: until then, nobody
    knows how large the result of a step such as trim is.
    """
    root = informed(grow(recipe), lambda: about(header, dict(recipe.source)))
    known: dict[Node, tuple[int, int]] = {}
    while True:
        with contextlib.suppress(Outgrown):
            return _admitted(blob, header, root, targets, recipe, resources, clock, known)


def _admitted(
    blob: Blob,
    header: formats.Header,
    root: Node,
    targets: Mapping[str, formats.Target],
    recipe: Recipe,
    resources: Resources,
    clock: Clock,
    known: dict[Node, tuple[int, int]],
) -> _Made:
    """Adds to what is known. Raises Outgrown."""
    check_sizes(root, *header.upright, targets, known)
    total = resources.memory.total
    cost = functools.cache(lambda: cheapest(header, root, targets, resources.threads, total, known))
    need = functools.partial(whole_need, header, len(blob), root, targets, known)
    in_the_way = functools.partial(obstacle, header, root, targets, known=known)
    admission = admit(header, need(), in_the_way, lambda: not in_the_way(hopeful=True), lambda: cost().need, total)
    strips = cost() if admission.way is Way.STRIPS else None

    def grown() -> int:
        check_sizes(root, *header.upright, targets, known)
        if strips is None:
            return need()
        if sentence := in_the_way(limit=strips.limit, hopeful=True):
            raise ImageError(sentence)
        return strips_need(header, root, targets, strips.threads, strips.limit, known)

    sized = noting(known, grown, admission.need)
    with resources.memory.hold(admission.need):
        if strips is not None:
            return _in_strips(blob, header, root, targets, recipe, strips, sized)
        return _whole(blob, header, root, targets, recipe, clock, sized)


def _whole(
    blob: Blob,
    header: formats.Header,
    root: Node,
    targets: Mapping[str, formats.Target],
    recipe: Recipe,
    clock: Clock,
    sized: Sized,
) -> _Made:
    """A large output goes to disk as soon as it is made, so that outputs never wait for each other in memory."""
    with clock.of("decode"):
        image = formats.decode(blob, header, recipe.damaged)
    carried = formats.carried(header, recipe.metadata)
    files: dict[str, Blob] = {}
    sizes: dict[str, tuple[int, int]] = {}
    try:
        for name, file, size in outputs_of(root, image, targets, carried, clock, sized):
            sizes[name] = size
            files[name] = stowed(file, INLINE_LIMIT)
            del file  # it would be held while the next one is made
    except BaseException:
        close_files(files.values())
        raise
    return _Made(files, sizes, clock.seconds)


def _in_strips(
    blob: Blob,
    header: formats.Header,
    root: Node,
    targets: Mapping[str, formats.Target],
    recipe: Recipe,
    cost: Cost,
    sized: Sized,
) -> _Made:
    carried = formats.carried(header, recipe.metadata)
    streamed = process_in_strips(
        blob,
        header,
        root,
        targets,
        carried=carried,
        damaged=recipe.damaged,
        threads=cost.threads,
        limit=cost.limit,
        sized=sized,
    )
    return _Made(streamed.files, streamed.sizes, streamed.seconds)


def target_of(output: Output, source_format: str) -> formats.Target:
    """How an output is stored, for a source of this format."""
    image_format = source_format if output.encoding == SAME else output.encoding
    if image_format == DEEPZOOM:
        image_format = "szi"
    elif image_format not in (*EXTENSION_OF_FORMAT, IIIF):
        image_format = "png"  # a format that is only read is stored without loss
    return formats.Target(image_format, output.quality, output.effort, output.options)


def _called(output: Output, recipe: Recipe, content: str) -> str:
    """What stands for the source of an output: its SHA-256, and what tells it from copies on which other names are
    written."""
    told = mark({field: said for field, said in recipe.source if field in output.mentioned})
    return f"{content}-{told}" if told else content


def stored_as(output: Output, target: formats.Target) -> str:
    """The format of the output's file, whose pixels are stored as the target says."""
    if output.options.pages == ALL and target.format != "tiff":
        return BOUND
    return "zip" if target.format == IIIF else target.format


def _notes(header: formats.Header, made: Sequence[Output]) -> list[str]:
    """What is said of the pages that were not processed is left out if some output has them."""
    has_all = any(output.options.pages == ALL for output in made)
    return [note for note in header.notes if not (has_all and note.startswith(ONLY_PAGE))]
