"""The sequence header of AV1 (AV1 Bitstream & Decoding Process Specification, 5.5), as far as its colours."""

from __future__ import annotations

_SEQUENCE_HEADER = 1  # a type of OBU


class _Bits:
    """Numbers, each with its highest bit first. Beyond the end, all bits are 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> int:
        found = 0
        for _ in range(count):
            byte = self._data[self._at >> 3] if self._at >> 3 < len(self._data) else 0
            found = found << 1 | (byte >> (7 - (self._at & 7)) & 1)
            self._at += 1
        return found

    def leading_zeros(self) -> int:
        """Up to 32 of them, and the 1 behind them is taken, too."""
        return next((zeros for zeros in range(32) if self.take(1)), 32)


def says_full_range(data: bytes) -> bool | None:
    """Whether the samples of a stream use the full range; None if no sequence header is found. data holds its first
    units (OBUs).
    """
    at = 0
    while at + 2 <= len(data):
        head = data[at]
        at += 2 if head & 4 else 1  # an extension takes a byte
        size = len(data) - at
        if head & 2:
            size, at = _leb128(data, at)
        if head >> 3 & 15 == _SEQUENCE_HEADER:
            return _range(_Bits(data[at : at + size]))
        at += size
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends (4.10.5)."""
    value = 0
    for place in range(8):
        byte = data[at + place] if at + place < len(data) else 0
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            break
    return value, at + place + 1


def _range(bits: _Bits) -> bool:
    """sequence_header_obu(), up to color_range."""
    profile = bits.take(3)
    bits.take(1)
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _skip_operating_points(bits)
    widths, heights = bits.take(4) + 1, bits.take(4) + 1
    bits.take(widths)
    bits.take(heights)
    if not reduced and bits.take(1):
        bits.take(7)
    bits.take(3)
    if not reduced:
        _skip_tools(bits)
    bits.take(3)
    return _color_range(bits, profile)


def _skip_operating_points(bits: _Bits) -> None:
    model = delay = 0
    if bits.take(1):  # timing_info
        bits.take(64)
        if bits.take(1):
            bits.take(bits.leading_zeros())
        model = bits.take(1)
        if model:
            delay = bits.take(5) + 1
            bits.take(42)
    initial = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if model and bits.take(1):
            bits.take(2 * delay + 1)
        if initial and bits.take(1):
            bits.take(4)


def _skip_tools(bits: _Bits) -> None:
    """From enable_interintra_compound to order_hint_bits."""
    bits.take(4)
    hints = bits.take(1)
    if hints:
        bits.take(2)
    content = 2 if bits.take(1) else bits.take(1)  # 2: each frame says whether it has tools for screens
    if content and not bits.take(1):
        bits.take(1)
    if hints:
        bits.take(3)


def _color_range(bits: _Bits, profile: int) -> bool:
    """color_config(), up to color_range."""
    if bits.take(1) and profile == 2:
        bits.take(1)
    gray = 0 if profile == 1 else bits.take(1)
    described = bits.take(1)
    numbers = (bits.take(8), bits.take(8), bits.take(8)) if described else (2, 2, 2)
    if not gray and numbers == (1, 13, 0):  # sRGB, stored as red, green and blue
        return True
    return bool(bits.take(1))
