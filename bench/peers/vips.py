"""GNU parallel with three calls of libvips' own command for each photograph, one for each output.

One job for each core, and one thread for each job. vips makes one output in each call, so it decodes each photograph
twice. Its gray and blurred outputs are those of OpenCV to a few levels, and its Canny has no thresholds. So its outputs
are compared by size and likeness, not by their bytes.
"""

from __future__ import annotations

from filterfleet.bench.peers.commands import run_commands

COMMAND = (
    "vips colourspace {} {output}/grayscale/{/}'[Q=90,strip]' b-w"
    " && vips gaussblur {} {output}/blur/{/}'[Q=90,strip]' 1.4"
    " && vips canny {output}/grayscale/{/} {output}/edges/{/}.png'[strip]' --sigma 1 --precision integer"
)

if __name__ == "__main__":
    run_commands(COMMAND, "VIPS_CONCURRENCY")
