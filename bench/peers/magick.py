"""GNU parallel with one call of ImageMagick's convert for each photograph, which decodes once and writes all outputs.

One job for each core, and one thread for each job. A call is a new process, whose start belongs to the work. Its gray
and blurred outputs are those of OpenCV to a few levels, and its Canny is another implementation. So its outputs are
compared by size and likeness, not by their bytes.
"""

from __future__ import annotations

from filterfleet.bench.peers.commands import run_commands

COMMAND = (
    "convert {} -quality 90"
    " \\( +clone -grayscale Rec601Luma -write {output}/grayscale/{/} +delete \\)"
    " \\( +clone -gaussian-blur 2x1.4 -write {output}/blur/{/} +delete \\)"
    " -grayscale Rec601Luma -canny 0x1+10%+30% {output}/edges/{/}.png"
)

if __name__ == "__main__":
    run_commands(COMMAND, "MAGICK_THREAD_LIMIT")
