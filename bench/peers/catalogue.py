"""The other systems, and what each of them needs."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

PATIENCE = 10.0  # seconds that a program may take to tell its version


@dataclass(frozen=True, slots=True)
class Peer:
    """module: its program in bench/peers. packages and programs: what has to be installed. slow: it takes seconds to
    start, or for a few photographs. exact: its outputs are those of the plain program, byte for byte. together: it does
    tasks without work in portions, and how it says so."""

    module: str
    name: str
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    slow: bool = False
    exact: bool = True
    together: str = ""

    def missing(self) -> str:
        """What has to be installed for it, in words, or the empty string."""
        packages = [name for name in self.packages if importlib.util.find_spec(name) is None]
        programs = [name for name in self.programs if shutil.which(name) is None]
        return " and ".join([*(f"the package {name}" for name in packages), *(f"the program {p}" for p in programs)])


PEERS = (
    Peer("pool", "multiprocessing.Pool", together="in chunks of 64"),
    Peer("futures", "futures, processes"),
    Peer("threads", "futures, threads"),
    Peer("joblib", "joblib", ("joblib",), together="in chunks of its choice"),
    Peer("dask", "Dask distributed", ("distributed",), slow=True),
    Peer("ray", "Ray", ("ray",), slow=True),
    Peer("celery", "Celery + Redis", ("celery", "redis"), ("redis-server",), slow=True),
    Peer("dramatiq", "dramatiq + Redis", ("dramatiq", "redis"), ("redis-server",), slow=True),
    Peer("ipyparallel", "ipyparallel", ("ipyparallel",), slow=True, together="in chunks of 64"),
    Peer("magick", "GNU parallel + ImageMagick", (), ("parallel", "convert"), slow=True, exact=False),
    Peer("vips", "GNU parallel + libvips", (), ("parallel", "vips"), slow=True, exact=False),
)


SYSTEMS = tuple(peer for peer in PEERS if peer.exact)  # those that have workers, which can be up and can be killed
TOOLS = tuple(peer for peer in PEERS if not peer.exact)  # those that start a program for each photograph


def installed(peers: Sequence[Peer] = PEERS, *, quick: bool = False) -> list[Peer]:
    """Those that can take part here. When it has to be quick, slow ones do not."""
    return [peer for peer in peers if not peer.missing() and not (quick and peer.slow)]


def absent(peers: Sequence[Peer] = PEERS, *, quick: bool = False) -> list[str]:
    """A sentence for each reason for which some of them do not take part."""
    sentences = [f"{peer.name} needs {missing}." for peer in peers if (missing := peer.missing())]
    slow = [peer.name for peer in peers if quick and peer.slow and not peer.missing()]
    if slow:
        sentences.append(f"{', '.join(slow)}: a quick run has no time for what takes seconds to start or to work.")
    return sentences


def versions() -> dict[str, str]:
    """What the programs that peers need say of themselves. Packages tell their versions otherwise."""
    found = {}
    for name in sorted({name for peer in PEERS for name in peer.programs}):
        if program := shutil.which(name):
            done = subprocess.run((program, "--version"), capture_output=True, text=True, timeout=PATIENCE, check=False)
            if number := re.search(r"\d+(\.\d+)+(-\d+)?|\d{8}", done.stdout):
                found[name] = number[0]
    return found
