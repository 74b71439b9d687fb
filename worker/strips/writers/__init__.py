"""Image files written band by band.

libvips writes all three formats, but its savers do not serve here:
- A saver pulls all its pixels through one pipeline and compresses them on one thread. Here bands are pushed: they
  become ready on several threads and for several outputs at once, and the thread that made a band compresses it.
- The only way to push rows into a saver is to dress them up as an uncompressed PNG that a callback hands out on a
  thread of its own. Measured at 67 megapixels of colour, that took 66 MiB for each output; these writers took 24 MiB
  for each thread.
- Outputs must have the pixels that the encoder for whole images gives them. libvips' JPEGs differ from cv2.imencode's.
"""

from filterfleet.worker.strips.writers.writer import Ordered, Writer, check_output, open_writer

__all__ = ["Ordered", "Writer", "check_output", "open_writer"]
