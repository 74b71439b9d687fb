"""XMP without the properties that describe parts of the old file: gain maps, motion photos, depth maps, and the second
half of a packet. No output has these parts, and a reader that looks for them finds other bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Names that are dropped, by the namespace that they belong to.
_ALL = re.compile(rb".*", re.DOTALL)
_GONE = {
    b"http://ns.google.com/photos/1.0/container/": _ALL,  # what stands behind a JPEG: gain map, video
    b"http://ns.google.com/photos/1.0/container/item/": _ALL,
    b"http://ns.google.com/photos/1.0/camera/": re.compile(rb"(?:MicroVideo|MotionPhoto).*", re.DOTALL),
    b"http://ns.google.com/photos/1.0/image/": _ALL,
    b"http://ns.google.com/photos/1.0/depthmap/": _ALL,
    b"http://ns.google.com/photos/1.0/audio/": _ALL,
    b"http://ns.adobe.com/hdr-gain-map/1.0/": _ALL,
    b"http://ns.apple.com/HDRGainMap/1.0/": _ALL,
    b"http://ns.adobe.com/xmp/note/": re.compile(rb"HasExtendedXMP"),
}
_PREFIX = re.compile(rb"""xmlns:([\w.-]{1,99})\s*=\s*["']([^"'<]{1,99})["']""")
# XML allows no < in values, so each try ends at the next < at the latest, and all of them together take linear time:
# nothing that has matched is given back (+ and * with another +), and blanks are tried from the first one only.
_TAG = re.compile(rb"""<(/?)([\w.-]++:[\w.-]++)((?:[^<>"'/]|/(?!>)|"[^"<]*+"|'[^'<]*+')*+)(/?)>""")
_ATTRIBUTE = re.compile(rb"""(?<!\s)\s++([\w.-]++:[\w.-]++)\s*+=\s*+(?:"[^"<]*+"|'[^'<]*+')""")


def of_the_picture(xmp: bytes) -> bytes | None:
    """The packet without these properties; unchanged if it has none. None if one of them does not end."""
    gone = {prefix: _GONE[space] for prefix, space in _PREFIX.findall(xmp) if space in _GONE}
    if not gone:
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
        if not _is_gone(name, gone):
            rest = _ATTRIBUTE.sub(lambda found: b"" if _is_gone(found[1], gone) else found[0], attributes)
            kept.append(b"<" + closing + name + rest + empty + b">")
        elif not closing and not empty:
            inside, depth = name, 1
    return None if depth else b"".join((*kept, xmp[at:]))


def _is_gone(name: bytes, gone: Mapping[bytes, re.Pattern[bytes]]) -> bool:
    """Whether a name with a prefix is dropped. gone has patterns of names by the prefixes of this packet."""
    prefix, _, local = name.partition(b":")
    return prefix in gone and gone[prefix].fullmatch(local) is not None
