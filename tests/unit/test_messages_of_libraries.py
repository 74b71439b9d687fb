"""Messages of libraries may quote any byte of a file."""

import numpy as np
import pytest

from filterfleet.common.errors import ImageError
from filterfleet.worker.formats import Target, encode, read_header


def test_a_message_that_is_not_utf_8_refuses_the_file_like_any_other():
    file = encode(np.full((2, 2, 4), 200, np.uint8), Target("avif"))
    assert file.count(b"auxC") == 1
    with pytest.raises(ImageError):  # libheif quotes the name of the property, which is essential and unknown
        read_header(file.replace(b"auxC", b"\x90uxC"))
