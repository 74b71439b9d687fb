"""`python -m tests.docs.drive FOLDER`: a Google Drive that has the images of this folder in Photos, until Ctrl-C.

`. drive.sh` leads rclone to it and to a browser in which somebody agrees to everything. `token` is what `rclone
authorize` would print.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from tests.cloud.drive import DriveEmulator
from tests.cloud.drive_api import ACCESS_TOKEN, REFRESH_TOKEN

BROWSER = """#!/bin/sh
# xdg-open ADDRESS. The address leads to Google, which leads back to rclone with a code.
asked=$(curl --silent --output page --write-out '%{redirect_url}' "$1")
state=${asked##*state=}
curl --silent --output page "http://127.0.0.1:53682/?state=${state%%&*}&code=agreed"
"""


def main(folder: Path) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with DriveEmulator() as drive:
        for image in folder.rglob("*.*"):
            drive.add(f"Photos/{folder.name}/{image.relative_to(folder)}", image.read_bytes())
        variables = drive.environment | {"PATH": f"{Path.cwd()}:{os.environ['PATH']}"}
        Path("drive.sh").write_text("".join(f"export {name}='{value}'\n" for name, value in variables.items()))
        Path("xdg-open").write_text(BROWSER)
        Path("xdg-open").chmod(0o755)
        token = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "expiry": "2100-01-01T00:00:00Z"}
        Path("token").write_text(json.dumps(token | {"token_type": "Bearer"}))
        print("A Drive has started in", Path.cwd(), flush=True)
        signal.sigwait({signal.SIGINT})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
