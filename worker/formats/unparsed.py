"""Files without the metadata that libvips would parse in more time than it is worth: 5,000 pointers of EXIF to itself
take its parser (libexif) seconds. What outputs carry of it is read by statements.py, in a bounded number of steps.
"""

from __future__ import annotations

from filterfleet.common.blob import Blob
from filterfleet.worker.formats import boxes, jpeg_parts, png_parts
from filterfleet.worker.formats.pieces import changed


def without_metadata(blob: Blob, image_format: str) -> Blob:
    """The file without EXIF, and a PNG without texts; the blob itself if it has none. Raises ImageError for a file with
    too many parts, DamagedHeader and OSError.
    """
    match image_format:
        case "jpeg":
            return changed(blob, dict.fromkeys(jpeg_parts.exif_segments(blob), b""))
        case "png":
            return changed(blob, dict.fromkeys(png_parts.texts_before_the_pixels(blob), b""))
        case "avif":  # items of another kind, which no reader looks at
            places = [item.kind_at for item in boxes.exif_items(blob)]
            return changed(blob, {(at, at + 4): b"none" for at in places})
    return blob
