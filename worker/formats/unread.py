"""Kinds of files that are intact and not read here, so that they are called by their names and not damaged."""

from __future__ import annotations

from filterfleet.common.blob import Blob, read
from filterfleet.common.errors import ImageError
from filterfleet.worker.formats.limits import MAX_PARTS

_BY_MAGIC = (
    (b"%PDF-", "a PDF"),
    (b"8BPS\0\2", "a large Photoshop file (PSB)"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (b"\0\0\2\0\1\0", "a cursor (CUR)"),
    (b"PK\3\4", "a ZIP archive"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript file (EPS)"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file (EPS)"),
    (b"gimp xcf", "a GIMP file (XCF)"),
    (b"II\xbc", "a JPEG XR image"),
    (b"qoif", "a QOI image"),
    (b"#?RADIANCE", "a Radiance image (HDR)"),
    (b"#?RGBE", "a Radiance image (HDR)"),
    (b"DDS ", "a DirectDraw surface (DDS)"),
    (b"icns", "an Apple icon (ICNS)"),
    (b"AT&TFORM", "a DjVu document"),
    (b"SIMPLE  =", "a FITS image"),
    (b"BPG\xfb", "a BPG image"),
    (b"FLIF", "a FLIF image"),
    (b"\x8aMNG", "an MNG animation"),
    (b"\x8bJNG", "a JNG image"),
    (b"PF\n", "a floating-point image (PFM)"),
    (b"Pf\n", "a floating-point image (PFM)"),
    (b"P7\n", "a PAM image"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile (WMF)"),
    (b"\x1a\x45\xdf\xa3", "a film"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a Microsoft Office document"),
    (b"version https://git-lfs", "a pointer of Git LFS, which stands for a file that was not fetched"),
)
_INSIDE = ((128, b"DICM", "a DICOM image"), (8, b"AVI ", "a film"), (8, b"WAVE", "a sound"))  # where, what, its name
_FILMS = (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"M4V ", b"avc1", b"3gp4", b"3gp5", b"qt  ")
_BY_TAG = ((b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"<svg", "an SVG drawing"))

_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the markers that start a frame
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_HIERARCHICAL = (0xC5, 0xC6, 0xCD, 0xCE)
_DEEP = (12, 16)  # bits a sample that the standard knows besides 8
_COMPONENTS = (1, 3, 4)  # gray, YCbCr or RGB, YCCK or CMYK
_JPEG_LS = 0xF7
_NO_LENGTH = (0x01, *range(0xD0, 0xD9))
_SOS, _EOI = 0xDA, 0xD9


def named(head: bytes) -> str | None:
    """What a file is that begins with head and is of no format that is read; None if that is not known."""
    for magic, name in _BY_MAGIC:
        if head.startswith(magic):
            return name
    for at, magic, name in _INSIDE:
        if head.startswith(magic, at):
            return name
    if head[4:8] == b"ftyp" and head[8:12] in _FILMS:
        return "a film"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for tag, name in _BY_TAG:
        if text.startswith(tag) or (text.startswith(b"<?xml") and tag in text):
            return name
    return None


def check_jpeg(blob: Blob) -> None:
    """Raises ImageError for a JPEG of a process or a depth that is not read."""
    kind = _kind_of_jpeg(blob)
    if kind:
        raise ImageError(f"The file is {kind}, which cannot be read.")


def _kind_of_jpeg(blob: Blob) -> str | None:
    at = 2
    for _ in range(MAX_PARTS):
        segment = bytes(read(blob, at, 10))
        if len(segment) < 5 or segment[0] != 0xFF:
            return None
        marker = segment[1]
        if marker == 0xFF or marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
        elif marker in (_SOS, _EOI):
            return None
        elif marker == _JPEG_LS:
            return "a JPEG-LS image"
        elif marker in _LOSSLESS:
            return "a lossless JPEG"
        elif marker in _HIERARCHICAL:
            return "a hierarchical JPEG"
        elif marker in _SOF:
            return _kind_of_frame(segment)
        else:
            at += 2 + int.from_bytes(segment[2:4], "big")
    return None


def _kind_of_frame(segment: bytes) -> str | None:
    """segment: the first bytes of a start of frame (ITU-T T.81, B.2.2)."""
    if segment[4] in _DEEP:
        return f"a {segment[4]}-bit JPEG"
    return f"a JPEG of {segment[9]} colour components" if len(segment) == 10 and segment[9] not in _COMPONENTS else None
