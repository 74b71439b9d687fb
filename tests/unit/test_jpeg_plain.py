"""The quick way to the header of a JPEG says what libvips says, or leaves the file to libvips."""

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import jpeg_plain, read_header
from tests.unit import samples
from tests.unit.samples import BGR, jpeg_with, pil, saved
from tests.unit.test_statements import ICC, icc_segment, told_in_full

PLAIN = saved(pil(BGR), "JPEG", exif=told_in_full(), dpi=(300, 200))
KINDS = {
    "colour": PLAIN,
    "gray": saved(pil(BGR).convert("L"), "JPEG"),
    "RGB": saved(pil(BGR), "JPEG", keep_rgb=True),
    "progressive": saved(pil(BGR), "JPEG", progressive=True),
    "restarts": saved(pil(BGR), "JPEG", restart_marker_blocks=2),
    "comment": saved(pil(BGR), "JPEG", comment=b"words"),
    "XMP": saved(pil(BGR), "JPEG", xmp=b"<x/>"),
    "profile": saved(pil(BGR), "JPEG", icc_profile=samples.profile()),
    "profile in parts": jpeg_with(
        jpeg_with(PLAIN, 0xE2, icc_segment(1, 2, ICC[:100])), 0xE2, icc_segment(2, 2, ICC[100:])
    ),
    "no zero behind the name": jpeg_with(PLAIN, 0xE2, icc_segment(1, 1, ICC).replace(b"E\0", b"E\1")),
    "address without end": jpeg_with(PLAIN, 0xE1, b"http" + b"a" * 76 + b"\0<x/>"),
    "long address": jpeg_with(PLAIN, 0xE1, b"http" + b"a" * 75 + b"\0<x/>"),
    "no profile": jpeg_with(PLAIN, 0xE2, icc_segment(1, 1, b"nothing")),
}
OTHERS = {
    "CMYK": saved(pil(BGR).convert("CMYK"), "JPEG"),
    "broken profile": jpeg_with(PLAIN, 0xE2, icc_segment(1, 2, ICC)),
    "stray bytes": PLAIN[:2] + b"stray" + PLAIN[2:],
    "more pictures": jpeg_with(PLAIN, 0xE2, b"MPF\0II*\0\x08\0\0\0\0\0"),
    "cut": PLAIN[:300],
    "cut in its frame": PLAIN[: PLAIN.index(b"\xff\xc0") + 8],
    "cut before its picture": PLAIN[: PLAIN.index(b"\xff\xda") + 3],
    "two frames": jpeg_with(PLAIN, 0xC0, bytes.fromhex("08001000100301220002110103110100")[:15]),
}


def said(file, monkeypatch):
    """What both ways say: the header, or the sentence."""

    def header():
        try:
            return read_header(file)
        except ImageError as error:
            return str(error)

    quick = header()
    with monkeypatch.context() as patched:
        patched.setattr(jpeg_plain, "header_of", lambda _: None)
        return quick, header()


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_file_is_read_as_libvips_reads_it(kind, monkeypatch):
    assert jpeg_plain.header_of(KINDS[kind]) is not None
    quick, libvips = said(KINDS[kind], monkeypatch)
    assert quick == libvips


@pytest.mark.parametrize("kind", OTHERS)
def test_other_files_are_left_to_libvips(kind):
    assert jpeg_plain.header_of(OTHERS[kind]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoiled_file_is_read_as_libvips_reads_it(kind, monkeypatch):
    dice = np.random.default_rng(7)
    file = KINDS[kind]
    for place in dice.integers(2, file.index(b"\xff\xda") + 16, 60):
        spoiled = bytearray(file)
        if dice.integers(2):
            spoiled[place] = dice.choice([0, 255, dice.integers(256)])
        else:
            del spoiled[place : place + dice.integers(1, 20)]
        quick, libvips = said(bytes(spoiled), monkeypatch)
        assert quick == libvips
