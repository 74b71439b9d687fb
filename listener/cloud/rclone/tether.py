"""`python -m filterfleet.listener.cloud.rclone.tether PARENT FOLDER PROGRAM ARGUMENT...` turns into PROGRAM, running in
FOLDER, which the kernel kills when the process with the id PARENT ends."""

from __future__ import annotations

import os
import sys

from filterfleet.common.process.system import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))  # the setting survives exec
    os.chdir(sys.argv[2])
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606 - an argument list, no shell
