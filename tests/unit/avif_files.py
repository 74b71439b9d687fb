"""Gray AVIF files of 10 and 12 bits: a ramp from black to white in 16 columns and 8 rows, full range, with nclx. They
were made with imagecodecs.avif_encode (libavif 1.4), since no encoder in the environment of the tests writes gray of
this depth, and are packed by zlib and base85.
"""

import base64
import zlib

PACKED = {
    10: (
        "c-muNV30{GsVqn=%S>Yc0uY^>nP!-qnF!*)%uOvxWPkw0jFg-rD4U@mGr5ET4e%9YmgIt2j6f`xnUkLk;<$kLj1W;qULb7+#2T5Id1-L9Qb0"
        "~B6O@-&W?<-?pOX)^D<iX@r~pWNW)>vp18I@W;(}DDeF8wt0kO9t6RepFNbn?<89FyI#DD~Zlk;<m@{)5Z7?^;NtpO+`o>`C!^AXTlER0OeE"
        "I_7HZc1W_5Ca#71ke7@2O1hz80iQwXllG++&WWB^heP0%Q*>`RgAx~R3*$ZH8ZfBnwEZ>&C_q=V@-GU`wc4^05fz#c>"
    ),
    12: (
        "c-muNV30{GsVqn=%S>Yc0uY^>nP!-qnF!*)%uOvxWPkw0jFg-rD4U@mGr5ET4e%9YmgIt2j6f`xnUkLk;<$kLj1W;qULfrN#2T5Id1-L9Qb0"
        "~B6O@-&W?<-?pOX)^D<iX@r~pWNW)>vp18I@W;(}DDeF8wt0kO9t6RepBNbn?<89FyQ)PMwplk;<m@{)5Z7?^;NtpO+`o>`C!^AXTlER0OeE"
        "I_75Zc1W_5Ca!S1ke7D4;&n>7#RsLEY%SCzG23#U)_bWkqrKS79DZPp1D1*WzvJU*TOF~Ufh=Oq-(+^gW4mkpKePqnf-DA0F{GE?*"
    ),
}

# The bit color_range of the stream: the byte, counted from the content of the box mdat, and the bit in it.
RANGE = {10: (11, 0x20), 12: (11, 0x10)}


def full_range(bits: int) -> bytes:
    return zlib.decompress(base64.b85decode(PACKED[bits]))


def limited_range(bits: int) -> bytes:
    """The same samples, which the stream and nclx call limited."""
    place, bit = RANGE[bits]
    file = bytearray(full_range(bits))
    file[file.index(b"mdat") + 4 + place] ^= bit
    file[file.index(b"colrnclx") + 14] ^= 0x80
    return bytes(file)


def without_nclx(file: bytes) -> bytes:
    return file.replace(b"colrnclx", b"freenclx")
