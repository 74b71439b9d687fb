"""How much of a file is looked at, so that no file takes more memory or time than its pixels are worth. Limits that
other rooms share are in worker/settings.py.
"""

from __future__ import annotations

from filterfleet.worker.settings import MAX_SIDE

# The longest side, in pixels, of files that are read. JPEG, GIF and many of the libraries' own counters end at 16 bits;
# PNG and TIFF are listed because they go in strips. A larger value would let files through that decoders cannot hold; a
# smaller one refuses more images.
LONGEST_READ = {"png": MAX_SIDE, "tiff": MAX_SIDE}
LONGEST_READ_ELSEWHERE = 65_535

# The longest side, in pixels, of files that are written. These are limits of libjpeg, libwebp and libaom; formats that
# are not listed end at MAX_SIDE.
LONGEST_WRITTEN = {"jpeg": 65_500, "webp": 16_383, "avif": 16_384}

# The largest colour profile, EXIF or XMP that is carried along, in bytes; a larger one is left behind. Real ones have
# up to a few MiB. A larger value lets a file that unpacks to much more than its own size take more memory; a smaller
# one loses metadata.
MAX_METADATA = 16 << 20

# Chunks, boxes or segments of a file that are looked at. Real files have a few dozen, and a few hundred where a profile
# or XMP is cut into parts. A larger value lets a file of tiny ones take more time; with a smaller one, metadata at the
# end of a real file is missed. A JPEG with this number of segments before its picture is refused.
MAX_PARTS = 10_000

# Pages of a TIFF that are looked at when the first ones are smaller versions of a later one. Real files have one or two
# of them. A larger value lets a hostile file take more time; with a smaller one, a file with many of them shows the
# first.
MAX_PAGES = 100

# Scans of a progressive JPEG. Encoders write about ten, and each takes as long as a whole image. A larger value lets a
# hostile file occupy a thread longer; a smaller one refuses more files.
MAX_SCANS = 100

# Pixels that one byte of a file can stand for at most: deflate makes 1,032 bytes of one, of up to 8 pixels each; a JPEG
# block of 64 pixels takes a bit, and chroma lets one block serve four; a PNM has at least a bit for each pixel; the
# longest string of GIF's LZW has 4,095 pixels and takes 12 bits; a run of a BMP has 255 pixels and takes two bytes; the
# row of a fax that equals the one above takes a bit, and may be longer than this says (FAX_ROWS_PER_BYTE). These follow
# from the formats. Files that claim more are cut short, and are refused before a decoder spends minutes filling in what
# is missing. WebP, AVIF, HEIC, JPEG XL and JPEG 2000 are not listed: any number of pixels of one colour takes a few
# bytes.
MOST_PIXELS_PER_BYTE = {
    "png": 8 * 1032,
    "jpeg": 8 * 4 * 64,
    "tiff": 8 * LONGEST_READ_ELSEWHERE,
    "pnm": 8,
    "gif": 2730,
    "bmp": 128,
    "ico": 8 * 1032,
}
FAX_ROWS_PER_BYTE = 8

# Pixels that a GIF or BMP may have whatever its length, since pixels can be left out: those around a GIF's first frame,
# and those that run lengths pass over. A larger value lets a file of a few bytes become larger outputs; a smaller one
# refuses more of such files.
LEFT_OUT = {"gif": 32_000_000, "bmp": 32_000_000}

# Strips or tiles of a TIFF for which libtiff may take as much memory as it wants, which is then counted. Files with
# more of them get libvips' own limit of 50 MB. More: a hostile list takes more memory. Less: slides of very many small
# tiles are refused.
MAX_TIFF_CHUNKS = 1_000_000

# Chunks of a PNG file that are passed over to find those behind the pixels. A file with more of them before its pixels
# is refused. libpng writes 8 KiB of pixels in each, so
# this is 1.6 GB. A larger value lets a file of empty chunks take more time; with a smaller one, metadata at the end of
# a large file is missed.
MAX_PNG_CHUNKS = 200_000

# Blocks and sub-blocks of a GIF before its first frame. A sub-block has up to 255 bytes, so real files have a few
# hundred of them at most. A larger value lets a file of tiny blocks take more time; with a smaller one, the place of a
# frame behind long comments is missed.
MAX_GIF_BLOCKS = 50_000

# Directories of EXIF behind the main one: one describes the thumbnail, and few files have more. A larger value lets a
# long chain take more time; with a smaller one, EXIF with several thumbnails is dropped.
MAX_THUMBNAILS = 10
