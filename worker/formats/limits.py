"""How much of a file is looked at, so that no file takes more memory or time than its pixels are worth. Limits that
other rooms share are in worker/settings.py.
"""

from __future__ import annotations

from filterfleet.worker.settings import MAX_SIDE

# The largest colour profile, EXIF or XMP that is carried along, in bytes; a larger one is left behind. Real ones have
# up to a few MiB. A larger value lets a file that unpacks to much more than its own size take more memory; a smaller
# one loses metadata.
MAX_METADATA = 16 << 20

# Chunks, boxes or segments of a file that are looked at. Real files have a few dozen, and a few hundred where a profile
# or XMP is cut into parts. A larger value lets a file of tiny ones take more time; with a smaller one, metadata at the
# end of a real file is missed. A JPEG with this number of segments before its picture is refused.
MAX_PARTS = 10_000

# Entries of one directory of EXIF or of a TIFF. Cameras write about a hundred. A larger value lets hostile EXIF
# take more time; with a smaller one, the EXIF of a talkative camera is dropped.
MAX_EXIF_ENTRIES = 1000

# Pages of a TIFF that are looked at when the first ones are smaller versions of a later one. Real files have one or two
# of them. A larger value lets a hostile file take more time; with a smaller one, a file with many of them shows the
# first.
MAX_PAGES = 100

# Scans of a progressive JPEG. Encoders write about ten, and each takes as long as a whole image. A larger value lets a
# hostile file occupy a thread longer; a smaller one refuses more files.
MAX_SCANS = 100

# Pixels that one byte of a file can stand for at most: deflate makes 1,032 bytes of one, of up to 8 pixels each; a JPEG
# block of 64 pixels takes a bit, and chroma lets one block serve four; a row of a fax that equals the one above takes a
# bit; a PNM has at least a bit for each pixel. These follow from the formats. Files that claim more are cut short, and
# are refused before a decoder spends minutes filling in what is missing.
MOST_PIXELS_PER_BYTE = {"png": 8 * 1032, "jpeg": 8 * 4 * 64, "tiff": 8 * MAX_SIDE, "pnm": 8}

# Chunks of a PNG file that are passed over to find those behind the pixels. A file with more of them before its pixels
# is refused. libpng writes 8 KiB of pixels in each, so
# this is 1.6 GB. A larger value lets a file of empty chunks take more time; with a smaller one, metadata at the end of
# a large file is missed.
MAX_PNG_CHUNKS = 200_000

# Blocks and sub-blocks of a GIF that are passed over to find its frames. A sub-block has up to 255 bytes: these are up
# to 5 MB. A larger value lets a file of tiny blocks take more time; with a smaller one, frames behind long comments
# are missed.
MAX_GIF_BLOCKS = 20_000

# Directories of EXIF behind the main one: one describes the thumbnail, and few files have more. A larger value lets a
# long chain take more time; with a smaller one, EXIF with several thumbnails is dropped.
MAX_THUMBNAILS = 10
