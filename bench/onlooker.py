"""Somebody who looks at a dashboard: holds its stream of events open, and tells of each event in a line.

A process of its own, so that reading costs the one that measures nothing: `python -m filterfleet.bench.onlooker PORT
TOKEN`. A line has the size of the event in bytes, and whether the broker answered.
"""

from __future__ import annotations

import http.client
import json
import os
import sys

from filterfleet.common.process.ports import LOOPBACK
from filterfleet.common.process.system import die_with_parent

SILENCE = 30.0  # seconds without an event after which something is wrong


def look(port: int, token: str) -> None:
    """Until the stream ends."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=SILENCE)
    connection.request("GET", "/api/stream", headers={"Authorization": f"Bearer {token}"})
    for line in connection.getresponse():
        if line.startswith(b"data: "):
            answers = bool(json.loads(line[6:])["broker"]["answers"])
            sys.stdout.write(f"{len(line)} {int(answers)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    die_with_parent(os.getppid())
    look(int(sys.argv[1]), sys.argv[2])
