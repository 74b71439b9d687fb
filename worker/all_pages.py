"""The outputs of a recipe that have all pages of a file: one page after the other, each of them whole."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass

from filterfleet.common.blob import Blob, FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.worker import formats
from filterfleet.worker.admission import Way, admit
from filterfleet.worker.clock import Clock
from filterfleet.worker.formats.about import about
from filterfleet.worker.formats.binding import Binder, open_binder
from filterfleet.worker.formats.pages import pages_of
from filterfleet.worker.naming import said_of
from filterfleet.worker.needs import whole_need
from filterfleet.worker.sizes import check_sizes
from filterfleet.worker.tree import Node, grow, informed
from filterfleet.worker.whole import outputs_of

BOUND = "zip"  # the format of pages that are not bound as a TIFF


@dataclass(frozen=True, slots=True)
class Page:
    """need is in bytes."""

    blob: Blob
    header: formats.Header
    need: int


@dataclass(frozen=True, slots=True)
class Book:
    """All pages of a file, and what is to be made of each. targets are those of the outputs, by name."""

    pages: tuple[Page, ...]
    root: Node
    recipe: Recipe
    targets: Mapping[str, formats.Target]

    @property
    def need(self) -> int:
        """Bytes of memory for one page at a time."""
        return max(page.need for page in self.pages)

    def bound(self, clock: Clock) -> tuple[dict[str, FileBlob], dict[str, tuple[int, int]]]:
        """Files of the outputs by name, which the caller closes, and the sizes of their first pages in pixels. Raises
        ImageError, MemoryError and OSError.
        """
        binders: dict[str, Binder] = {}
        sizes: dict[str, tuple[int, int]] = {}
        with contextlib.ExitStack() as unfinished:
            for name, target in self.targets.items():
                binders[name] = open_binder(target.format, len(self.pages))
                unfinished.callback(binders[name].close)
            for number, page in enumerate(self.pages, 1):
                with clock.of("decode"), said_of(f"Page {number} of {len(self.pages)}"):
                    image = formats.decode(page.blob, page.header, self.recipe.damaged)
                carried = formats.carried(page.header, self.recipe.metadata)
                root = informed(self.root, functools.partial(about, page.header, dict(self.recipe.source)))
                for name, file, size in outputs_of(root, image, self.targets, carried, clock):
                    with said_of(f"Output {name!r}"):
                        binders[name].add(file)
                    sizes.setdefault(name, size)
                    del file  # it would be held while the next one is made
                del image
            files = {name: binder.finish() for name, binder in binders.items()}
            unfinished.pop_all()
        return files, sizes


def open_book(
    blob: Blob, header: formats.Header, recipe: Recipe, targets: Mapping[str, formats.Target], memory: int
) -> Book:
    """header is that of the blob, recipe has those outputs only that have all pages, targets are theirs. memory is in
    bytes. Raises ImageError, before anything is decoded, unless each page can be processed whole.
    """
    root = grow(recipe)
    views = pages_of(blob, header.format)
    pages = []
    why = f"Output {recipe.outputs[0].name!r} has all pages, which go whole."
    for number, view in enumerate(views, 1):
        with said_of(f"Page {number} of {len(views)}"):
            found = formats.read_header(view) if len(views) > 1 else header
            found = found if recipe.auto_orient else found.unturned()
            check_sizes(root, *found.upright, targets)
            need = whole_need(found, len(blob), root, targets)
            admission = admit(found, need, lambda: why, lambda: False, lambda: 0, memory)
        assert admission.way is Way.WHOLE  # since there is an obstacle
        pages.append(Page(view, found, admission.need))
    if not pages:
        raise ImageError("The file has no pages.")
    return Book(tuple(pages), root, recipe, targets)
