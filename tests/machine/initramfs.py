"""An initial RAM file system: busybox, the modules of a kernel that a script loads, and that script as /init."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_FOLDERS = ("bin", "modules", "proc", "lower", "memory", "root")
_FOLDER, _PROGRAM = 0o040755, 0o100755  # modes: the kind of file, and the rights
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def write(target: Path, init: str, busybox: Path, modules: Iterable[Path]) -> None:
    """Write it to target, compressed. modules: in the order in which their files are named 000.ko, 001.ko and so on."""
    files = {"init": init.encode(), "bin/busybox": busybox.read_bytes()}
    files |= {f"modules/{number:03}.ko": module.read_bytes() for number, module in enumerate(modules)}
    entries = [_entry(name, _FOLDER) for name in _FOLDERS]
    entries += [_entry(name, _PROGRAM, content) for name, content in files.items()]
    target.write_bytes(gzip.compress(b"".join([*entries, _entry("TRAILER!!!", 0)]), 1))


def loading_order(folder: Path, wanted: Iterable[str]) -> list[Path]:
    """The modules below folder that have these names, each behind those that it depends on. A module that is not there
    is part of the kernel."""
    files = {path.stem.replace("-", "_"): path for path in folder.rglob("*.ko")}
    found: dict[str, Path] = {}

    def take(name: str) -> None:
        if name in files and name not in found:
            for other in _dependencies(files[name]):
                take(other)
            found[name] = files[name]

    for name in wanted:
        take(name)
    return list(found.values())


def _dependencies(module: Path) -> Iterator[str]:
    for names in _DEPENDS.findall(module.read_bytes()):
        yield from (name.replace("-", "_") for name in names.decode().split(",") if name)


def _entry(name: str, mode: int, content: bytes = b"") -> bytes:
    """One file in an archive of the kind "newc" (cpio(5)): thirteen numbers of eight digits, name, content."""
    raw = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + raw
    return _padded(header) + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
