"""The outputs of a recipe that have all pages of a file: one page after the other, each of them whole."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

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
from filterfleet.worker.whole import noting, outputs_of

BOUND = "zip"  # the format of pages that are not bound as a TIFF


@dataclass(frozen=True, slots=True)
class Page:
    """root is that of the recipe's tree, which knows what is known of this page. known are sizes of results that nobody
    knows before they are made.
    """

    number: str
    blob: Blob
    header: formats.Header
    root: Node
    known: dict[Node, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Book:
    """All pages of a file, and what is to be made of each. targets are those of the outputs, by name. length is that of
    the file, and memory what the worker has for images, both in bytes.
    """

    pages: tuple[Page, ...]
    recipe: Recipe
    targets: Mapping[str, formats.Target]
    length: int
    memory: int

    def need(self) -> int:
        """Bytes of memory for one page at a time. Raises ImageError unless each page can be processed whole."""
        return max(map(self._need_of, self.pages))

    def _need_of(self, page: Page) -> int:
        why = f"Output {self.recipe.outputs[0].name!r} has all pages, which go whole."
        with said_of(page.number):
            check_sizes(page.root, *page.header.upright, self.targets, page.known)
            need = whole_need(page.header, self.length, page.root, self.targets, page.known)
            admission = admit(page.header, need, lambda: why, lambda: False, lambda: 0, self.memory)
        assert admission.way is Way.WHOLE  # since there is an obstacle
        return admission.need

    def bound(self, clock: Clock, held: int) -> tuple[dict[str, FileBlob], dict[str, tuple[int, int]]]:
        """Files of the outputs by name, which the caller closes, and the sizes of their first pages in pixels. held are
        the bytes of memory that were set aside. Raises Outgrown, ImageError, MemoryError and OSError.
        """
        binders: dict[str, Binder] = {}
        sizes: dict[str, tuple[int, int]] = {}
        with contextlib.ExitStack() as unfinished:
            for name, target in self.targets.items():
                binders[name] = open_binder(target.format, len(self.pages))
                unfinished.callback(binders[name].close)
            for page in self.pages:
                with clock.of("decode"), said_of(page.number):
                    image = formats.decode(page.blob, page.header, self.recipe.damaged)
                carried = formats.carried(page.header, self.recipe.metadata)
                sized = noting(page.known, functools.partial(self._need_of, page), held)
                for name, file, size in outputs_of(page.root, image, self.targets, carried, clock, sized):
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
    views = pages_of(blob, header.format)
    pages = []
    for place, view in enumerate(views, 1):
        number = f"Page {place} of {len(views)}"
        with said_of(number):
            found = formats.read_header(view) if len(views) > 1 else header
            found = found if recipe.auto_orient else found.unturned()
        root = informed(grow(recipe), functools.partial(about, found, dict(recipe.source)))
        pages.append(Page(number, view, found, root))
    if not pages:
        raise ImageError("The file has no pages.")
    book = Book(tuple(pages), recipe, targets, len(blob), memory)
    book.need()  # or it raises
    return book
