"""Grids of thin lines, on which cv2.Canny's usual way writes beyond its buffer: our way does not, and finds the same
edges. The pictures go through a process of their own, so that a crash is a failed test.
"""

import subprocess
import sys

from tests.fuzz.checked import environment

# Each grid through the default recipe, whole, and through Canny in strips.
CHILD = """
import numpy as np
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe, Step
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2, prepare_process
from filterfleet.worker.strips.run import stream
from filterfleet.worker.formats import Target
from filterfleet.worker.tree import grow
from tests.fuzz.patterns import grids

prepare_process()

def decoded(blob):
    return cv2.imdecode(np.frombuffer(bytes(blob), np.uint8), cv2.IMREAD_UNCHANGED)

class Rows:
    ordered = False

    def __init__(self, image):
        self.image, (self.height, self.width) = image, image.shape

    def read(self, span):
        return self.image[span.top : span.bottom]

    def close(self):
        pass

canny = Recipe((Output("edges", (Step("canny", ()),)),))
count = 0
for image in grids():
    cv2.ipp.setUseIPP(False)  # in this thread: OpenCV's own Canny of the image is the golden value
    expected = cv2.Canny(image, 100, 200)
    cv2.ipp.setUseIPP(True)
    gray, _, edges = process(cv2.imencode(".png", image)[1].tobytes(), DEFAULT).blobs
    assert np.array_equal(decoded(gray), image), image.shape
    assert np.array_equal(decoded(edges), expected), image.shape
    strips = stream(Rows(image), grow(canny), {"edges": Target("png")}, rows=64).files["edges"]
    assert np.array_equal(decoded(strips.read(0, len(strips))), expected), image.shape
    count += 1
print(count)
"""


def test_grids_have_their_edges_and_end_no_process():
    done = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 200
