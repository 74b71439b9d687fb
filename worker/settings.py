"""What one worker process lets images cost: pixels, memory, time. Every limit that more than one room needs is here.

Limits of a single room stand at the top of that room: worker/formats/limits.py, worker/strips/plan.py, the modules of
worker/engines.
"""

from __future__ import annotations

# The longest side of an image, in pixels, as read and as resized: libpng's own limit. A larger value would let files
# through whose single rows take very much memory; a smaller one refuses more panoramas.
MAX_SIDE = 1_000_000

# The largest image that goes in strips, in pixels. A larger value lets a small file that claims to be huge occupy
# threads and disk for longer; a smaller one refuses more scans of slides and maps.
MAX_STRIPS_PIXELS = 1 << 34

# The largest image that is ever decoded whole, in pixels. OpenCV's own limit of 2^30 lets a file of a few bytes claim
# gigabytes. A larger value admits larger images that cannot go in strips, and larger bombs; a smaller one refuses both.
MAX_PIXELS = 512_000_000

# The largest image that goes whole when it could also go in strips, in pixels. Strips bound the memory that an image
# takes, and take up to twice the processor time. With a larger value, each image may take more memory; a smaller one
# sends ordinary photographs through strips.
WHOLE_PIXELS = 64_000_000

# The least memory, in bytes, that is set aside for an image in strips: bands under way on all threads, and the buffers
# of the libraries. An image that takes no more than this is admitted even where the worker was given less. A larger
# value lets fewer such images run at once; a smaller one refuses more of them where there is little memory.
STRIPS_NEED = 256 << 20

# By default the processes of a machine share 1/MEMORY_PARTS of its memory (or of the control group's) for images. A
# larger value leaves more to other programs and to the page cache; a smaller one lets more and larger images in.
MEMORY_PARTS = 2

# The least memory that a process takes for images by default, in bytes, however many processes share the machine. A
# larger value can promise more than there is; a smaller one leaves room for no image at all.
LEAST_MEMORY = 64 << 20

# Memory that the kernel grants a process beyond its images, in bytes: interpreter, libraries, stacks of threads and
# compressed files. A larger value lets a hostile file take more before it is refused; a smaller one makes ordinary
# images fail.
RESERVE = 1 << 30

# Entries of one directory of EXIF or of a TIFF. Cameras write about a hundred. A larger value lets hostile EXIF
# take more time; with a smaller one, the EXIF of a talkative camera is dropped.
MAX_EXIF_ENTRIES = 1000

# Seconds for one image when its task does not say. A thread that takes longer ends its process, since threads cannot be
# killed. A larger value lets a stuck image block a thread longer; a smaller one kills processes over slow recipes.
TIME_LIMIT = 300.0

STUCK_EXIT = 75  # the exit code of a process that ends so: EX_TEMPFAIL of sysexits.h
