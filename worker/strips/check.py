"""For tests of filters: an image filtered in strips, to be compared with the image filtered whole."""

from __future__ import annotations

import numpy as np

from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import Measured
from filterfleet.worker.pixels.image import Image, Place
from filterfleet.worker.strips.plan import SHORTEST_BAND, Size, bands, step_needs
from filterfleet.worker.tree import Node


def joined(bound: Bound, image: Image, rows: int) -> Image:
    """The image cut into bands of rows each (at least SHORTEST_BAND), each band filtered with no more rows around it
    than the filter's merge rule, Rows or Measured, asks for; then joined.
    """
    height, width = image.shape[:2]
    spans = bands(height, max(rows, SHORTEST_BAND))
    merge = bound.filter.merge
    if isinstance(merge, Measured):
        cuts = [image[span.top : span.bottom] for span in spans]
        total = sum(bound.measure(merge, cut) for cut in cuts)
        return np.concatenate([bound.apply(cut, merge.apply, total=total) for cut in cuts])
    parts = []
    for span in spans:
        given = step_needs(bound, Node(), span, Size(width, height))
        filtered = bound(image[given.top : given.bottom], Place(given.top, width, height))
        parts.append(filtered[span.within(given)])
    return np.concatenate(parts)
