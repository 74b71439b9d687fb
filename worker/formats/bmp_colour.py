"""Colours and density in the header of a BMP (Microsoft: BITMAPV4HEADER, BITMAPV5HEADER), read and written."""

from __future__ import annotations

import struct

import numpy as np

from filterfleet.common.blob import Blob, read
from filterfleet.common.payload import Payload
from filterfleet.worker.formats import icc
from filterfleet.worker.formats.colour import D65
from filterfleet.worker.formats.limits import MAX_METADATA

_FILE_HEADER = 14  # bytes before the header
_V3, _V4, _V5 = 40, 108, 124  # sizes of headers
_CALIBRATED, _EMBEDDED = 0, 0x4D424544  # kinds of colours; all others are sRGB, or name a file elsewhere
_IMAGES = 4  # the rendering intent "perceptual"
_DENSITY, _KIND, _ENDPOINTS, _INTENT, _PROFILE = 38, 70, 74, 122, 126  # offsets in the file
_FIXED = 1 << 30  # 1.0 of an endpoint
_CHROMATICITY = 0.01  # how far from 1 the sums of chromaticities may be


def profile_of(blob: Blob) -> bytes | None:
    """The profile inside, or one that says the same as the header's endpoints and gammas; None if it states no colours,
    or sRGB. Raises OSError.
    """
    head = bytes(read(blob, 0, _FILE_HEADER + _V5))
    size = _long(head, _FILE_HEADER)
    if len(head) < _FILE_HEADER + min(size, _V5) or size < _V4:
        return None
    kind = _long(head, _KIND)
    if kind == _EMBEDDED and size >= _V5:
        start, length = struct.unpack_from("<II", head, _PROFILE)
        return bytes(read(blob, _FILE_HEADER + start, length)) if 0 < length <= MAX_METADATA else None
    return _calibrated(head) if kind == _CALIBRATED else None


def density_of(blob: Blob) -> tuple[float, float] | None:
    """Pixels per metre, across and down; None if the header does not say. Raises OSError."""
    head = bytes(read(blob, 0, _DENSITY + 8))
    if len(head) < _DENSITY + 8 or _long(head, _FILE_HEADER) < _V3:
        return None
    across, down = struct.unpack_from("<ii", head, _DENSITY)
    return (across, down) if across > 0 and down > 0 else None


def with_statements(file: Payload, profile: bytes | None, density: tuple[float, float] | None) -> bytes:
    """A BMP file with the density and the profile, whose header is of 40 or 124 bytes and states nothing yet. A profile
    stands behind the pixels.
    """
    size = _long(file, _FILE_HEADER)
    head, rest = bytearray(file[: _FILE_HEADER + size]), memoryview(file)[_FILE_HEADER + size :]
    if density is not None:
        struct.pack_into("<ii", head, _DENSITY, *map(round, density))
    if profile is None:
        return b"".join((head, rest))
    head += bytes(_V5 - size)
    behind = len(head) + len(rest)
    struct.pack_into("<I", head, 2, behind + len(profile))
    struct.pack_into("<II", head, 10, _long(file, 10) + _V5 - size, _V5)
    struct.pack_into("<I", head, _KIND, _EMBEDDED)
    struct.pack_into("<III", head, _INTENT, _IMAGES, behind - _FILE_HEADER, len(profile))
    return b"".join((head, rest, profile))


def _calibrated(head: bytes) -> bytes | None:
    """None if the numbers make no sense."""
    endpoints = np.array(struct.unpack_from("<9i", head, _ENDPOINTS)).reshape(3, 3) / _FIXED
    gammas = [value / 65536 for value in struct.unpack_from("<3I", head, _ENDPOINTS + 36)]
    sums = endpoints.sum(1)
    if (sums <= 0).any() or not all(1 <= gamma <= 4 for gamma in gammas):
        return None
    primaries = [(float(x), float(y)) for x, y, _ in endpoints / sums[:, None]]
    white = D65  # where the endpoints are chromaticities; X, Y and Z of all three add up to the white otherwise
    if np.abs(sums - 1).max() > _CHROMATICITY:
        x, y, _ = endpoints.sum(0) / sums.sum()
        white = float(x), float(y)
    try:
        return icc.colour_profile(white, primaries, [icc.gamma(value) for value in gammas])
    except (np.linalg.LinAlgError, ZeroDivisionError, struct.error):
        return None


def _long(data: Payload, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
