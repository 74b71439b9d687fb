"""What processes take of the machine, as /proc tells (Linux; elsewhere nothing is told)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from filterfleet.common.metrics.families import Family, Sample, counter, gauge
from filterfleet.common.process.system import VERSION

_UTIME, _STIME, _THREADS, _RSS = 13, 14, 19, 23  # fields of /proc/PID/stat, counted from 0: see proc_pid_stat(5)


def process_families(pids: Mapping[str, int]) -> list[Family]:
    """Memory, processor time and files of processes, by their names. One that has gone is left out."""
    memory, seconds, threads, files = {}, {}, {}, {}
    for name, pid in pids.items():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            opened = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
        fields = ["", "", *stat[stat.rindex(")") + 2 :].split()]  # a name in parentheses may hold anything
        memory[name] = float(int(fields[_RSS]) * os.sysconf("SC_PAGE_SIZE"))
        seconds[name] = (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
        threads[name], files[name] = float(fields[_THREADS]), float(opened)
    prefix = "filterfleet_process"
    version = Sample({"version": VERSION}, 1.0)
    return [
        Family(
            "filterfleet_build_info",
            "gauge",
            "The version that serves this page; always 1.",
            [version],
        ),
        gauge(f"{prefix}_resident_memory_bytes", "Memory of a process that is in use.", memory, "process"),
        counter(f"{prefix}_cpu_seconds_total", "Processor time of a process, user and system.", seconds, "process"),
        gauge(f"{prefix}_threads", "Threads of a process.", threads, "process"),
        gauge(f"{prefix}_open_fds", "Open files, sockets and pipes of a process.", files, "process"),
    ]
