"""TIFF of kinds that nothing here reads: each is refused by a sentence that names the kind."""

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from tests.unit.samples import BGR, GRAY, pil, saved
from tests.unit.test_tiff_kinds import OLD_JPEG, old_jpeg, read, tiff

REFUSED = {
    "zstd": (tiff(bytes(99), 8, 3, 2, compression=50000), "The TIFF file has ZSTD compression, which cannot be read."),
    "lzma": (tiff(bytes(99), 8, 3, 2, compression=34925), "The TIFF file has LZMA compression, which cannot be read."),
    "jpeg 2000": (
        tiff(bytes(99), 8, 3, 2, compression=34712),
        "The TIFF file has JPEG 2000 compression, which cannot be read.",
    ),
    "PNG (34933)": (
        tiff(bytes(99), 8, 3, 2, compression=34933),
        "The TIFF file has PNG compression, which cannot be read.",
    ),
    "LERC (34887)": (
        tiff(bytes(99), 8, 3, 2, compression=34887),
        "The TIFF file has LERC compression, which cannot be read.",
    ),
    "JPEG XL (50002)": (
        tiff(bytes(99), 8, 3, 2, compression=50002),
        "The TIFF file has JPEG XL compression, which cannot be read.",
    ),
    "JBIG (34661)": (
        tiff(bytes(99), 8, 3, 2, compression=34661),
        "The TIFF file has JBIG compression, which cannot be read.",
    ),
    "JPEG 2000 (33005)": (
        tiff(bytes(99), 8, 3, 2, compression=33005),
        "The TIFF file has JPEG 2000 compression, which cannot be read.",
    ),
    "an unknown compression": (
        tiff(bytes(99), 8, 3, 2, compression=60123),
        "The TIFF file has compression of an unknown kind (60123), which cannot be read.",
    ),
    "old jpeg": (old_jpeg(OLD_JPEG, bytes(600)), "The TIFF file has old-style JPEG compression, which cannot be read."),
    "old jpeg in parts": (
        old_jpeg(saved(pil(BGR[:16]), "JPEG")),
        "The TIFF file has old-style JPEG compression in parts, which cannot be read.",
    ),
    "raw": (tiff(GRAY.tobytes(), 8, 1, 32803), "The TIFF file has raw pixels of a camera, which cannot be read."),
    "twelve-bit jpeg": (
        tiff(bytes(99), 12, 1, 1, compression=7),
        "The TIFF file has 12-bit samples, which cannot be read with JPEG compression.",
    ),
    "twelve bits with a predictor": (
        tiff(bytes(99), 12, 1, 1, compression=5, _317=(3, 1, 2)),
        "The TIFF file has 12-bit samples, which cannot be read with a predictor.",
    ),
    "three bits in odd tiles": (
        tiff(bytes(99), 3, 1, 1, _322=(3, 1, 17), _324=(4, 1, 8)),
        "The TIFF file has 3-bit samples, which cannot be read with tiles that end inside a byte.",
    ),
    "signed": (
        tiff(GRAY.tobytes(), 8, 1, 1, _339=(3, 1, 2)),
        "The TIFF file has signed 8-bit samples; only unsigned integers of up to 16 bits can be read.",
    ),
    "float": (
        tiff(GRAY.astype(np.float32).tobytes(), 32, 1, 1, _339=(3, 1, 3)),
        "The TIFF file has floating-point samples; only unsigned integers of up to 16 bits can be read.",
    ),
    "float in 64 bits": (
        tiff(GRAY.astype(np.float64).tobytes(), 64, 1, 1, _339=(3, 1, 3)),
        "The TIFF file has floating-point samples; only unsigned integers of up to 16 bits can be read.",
    ),
    "integers of 64 bits": (
        tiff(GRAY.astype(np.uint64).tobytes(), 64, 1, 1),
        "The TIFF file has 64-bit samples; only unsigned integers of up to 16 bits can be read.",
    ),
    "integers of 24 bits": (
        tiff(bytes(3 * GRAY.size), 24, 1, 1),
        "The TIFF file has 24-bit samples; only unsigned integers of up to 16 bits can be read.",
    ),
    "a mask": (
        tiff(GRAY.tobytes(), 8, 1, 4),
        "The TIFF file has a mask in place of a picture, which cannot be read.",
    ),
    "six inks": (
        tiff(bytes(6 * GRAY.size), 8, 6, 5),
        "The TIFF file has 6 samples per pixel; at most 4 can be read.",
    ),
    "complex": (
        tiff(GRAY.astype(np.complex64).tobytes(), 64, 1, 1, _339=(3, 1, 6)),
        "The TIFF file has complex samples; only unsigned integers of up to 16 bits can be read.",
    ),
    "JPEG XR (34934)": (
        tiff(bytes(99), 8, 3, 2, compression=34934),
        "The TIFF file has JPEG XR compression, which cannot be read.",
    ),
    "sixteen-bit ycbcr": (
        tiff(bytes(9999), 16, 3, 6),
        "The TIFF file has YCbCr colours of 16 bits; only 8 can be read.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named(name):
    file, sentence = REFUSED[name]
    with pytest.raises(ImageError) as raised:
        read(file)
    assert str(raised.value) == sentence
