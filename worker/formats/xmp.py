"""XMP without the properties that describe parts of the old file: gain maps, motion photos, depth maps, and the second
half of a packet. No output has these parts, and a reader that looks for them finds other bytes.
"""

from __future__ import annotations

import re

# Names that are dropped, by the namespace that they belong to.
_GONE = {
    b"http://ns.google.com/photos/1.0/container/": rb".*",  # what stands behind a JPEG: gain map, video
    b"http://ns.google.com/photos/1.0/container/item/": rb".*",
    b"http://ns.google.com/photos/1.0/camera/": rb"(?:MicroVideo|MotionPhoto).*",
    b"http://ns.google.com/photos/1.0/image/": rb".*",
    b"http://ns.google.com/photos/1.0/depthmap/": rb".*",
    b"http://ns.google.com/photos/1.0/audio/": rb".*",
    b"http://ns.adobe.com/hdr-gain-map/1.0/": rb".*",
    b"http://ns.apple.com/HDRGainMap/1.0/": rb".*",
    b"http://ns.adobe.com/xmp/note/": rb"HasExtendedXMP",
}
_PREFIX = re.compile(rb"""xmlns:([\w.-]{1,99})\s*=\s*["']([^"'<]{1,99})["']""")
# XML allows no < in values, so each try ends at the next < at the latest, and all of them together take linear time.
_TAG = re.compile(rb"""<(/?)([\w.-]+:[\w.-]+)((?:[^<>"'/]|/(?!>)|"[^"<]*"|'[^'<]*')*)(/?)>""")
_ATTRIBUTE = re.compile(rb"""\s+([\w.-]+:[\w.-]+)\s*=\s*(?:"[^"<]*"|'[^'<]*')""")


def of_the_picture(xmp: bytes) -> bytes | None:
    """The packet without these properties; unchanged if it has none. None if one of them does not end."""
    gone = _names_gone(xmp)
    if gone is None:
        return xmp
    kept: list[bytes] = []
    at = depth = 0
    inside = b""  # the element that is being dropped
    for tag in _TAG.finditer(xmp):
        closing, name, attributes, empty = tag.groups()
        if depth:
            if name == inside and not empty:
                depth += -1 if closing else 1
                at = tag.end()
            continue
        kept.append(xmp[at : tag.start()])
        at = tag.end()
        if not gone.fullmatch(name):
            rest = _ATTRIBUTE.sub(lambda found: b"" if gone.fullmatch(found[1]) else found[0], attributes)
            kept.append(b"<" + closing + name + rest + empty + b">")
        elif not closing and not empty:
            inside, depth = name, 1
    return None if depth else b"".join((*kept, xmp[at:]))


def _names_gone(xmp: bytes) -> re.Pattern[bytes] | None:
    """Matches the names to be dropped, with the prefixes that this packet gives their namespaces; None if it has none
    of these namespaces.
    """
    names = {re.escape(prefix) + b":" + _GONE[space] for prefix, space in _PREFIX.findall(xmp) if space in _GONE}
    return re.compile(b"|".join(sorted(names)), re.DOTALL) if names else None
