"""A machine on which filterfleet is to run as services, and somebody who types commands there, as root in /root."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path

from tests.docs.pages import ROOT
from tests.systemd.conftest import HOME, UNITS, Box

PHOTOS = sorted((ROOT / "filterfleet/demo/photos").glob("*.*g"))
CHECKOUT = "/mnt/checkout"
STATE = "/var/lib/filterfleet"
LEDGER = f"{STATE}/ledger.sqlite3"
# The machine needs no sudo: root types.
SUDO = '#!/bin/sh\n[ "$1" != -u ] || { user=$2; shift 2; exec runuser -u "$user" -- "$@"; }\nexec "$@"\n'
TYPE = 'cd "$1" && printf %s "$3" | bash -c "$2"; echo "exit code $?"'
WATCH = """
cd "$1"
exec 3< <(exec bash -c "$2" 2>&1 </dev/null)
grep --max-count=1 -e "$3" <&3
code=$?
kill $!
exit $code
"""


class Services:
    """python: what `python3` is to be, as the box sees it."""

    def __init__(self, box: Box, python: Path) -> None:
        self.box = box
        self.source, self.output = box.root / "srv/filterfleet/in", box.root / "srv/filterfleet/out"
        path = f"{HOME}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        self._environment = ("env", f"PATH={path}", "HOME=/root", "PIP_NO_INDEX=1")
        for name, script in (("sudo", SUDO), ("python3", f'#!/bin/sh\nexec {python} "$@"\n')):
            program = box.root / "usr/local/bin" / name
            program.unlink(missing_ok=True)
            program.write_text(script)
            program.chmod(0o755)

    def type(self, command: str, *, code: int = 0, answer: str = "", where: str = "/root") -> str:
        """Runs a line. Returns what it says; fails unless its exit code is `code`. answer: its standard input."""
        told = self.box.run(*self._environment, "bash", "-c", TYPE, "bash", where, command, answer)
        said, _, ended = told.rpartition("exit code ")
        assert int(ended) == code, f"{command}: {told}"
        return said.strip()

    def watch(self, command: str, word: str) -> str:
        """Runs a line that does not end, until it says the word. Returns that line."""
        return self.box.run(*self._environment, "bash", "-c", WATCH, "bash", "/root", command, word)

    def install(self, commands: list[str]) -> None:
        """By the commands of the page. The packages are those of this test run, because there is no network: pip finds
        that each is there already, in the version that requirements/ want."""
        make, *others = commands
        self.type(make)
        self.type("pip uninstall --yes setuptools")  # venv may have brought an older one
        site = self.box.run(f"{HOME}/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        (self.box.root / site.lstrip("/") / "dependencies.pth").write_text("/mnt/dependencies\n")
        shutil.copy(Path(sys.executable).with_name("rclone"), self.box.root / f"{HOME}/bin/rclone".lstrip("/"))
        for command in others:
            self.type(command, where=CHECKOUT)

    def pids(self) -> list[str]:
        return [self.box.show(unit, "MainPID") for unit in UNITS]

    def are_active(self) -> bool:
        return all(self.box.show(unit, "ActiveState") == "active" for unit in UNITS)

    def done(self, ledger: str = LEDGER) -> int:
        """How many images a ledger calls done."""
        question = "SELECT count(*) FROM objects WHERE state = 'done'"
        return int(self.box.run("sqlite3", "-readonly", ledger, question))

    def drop(self, name: str = "") -> list[Path]:
        """Puts photographs that nobody has seen into a folder of the source, and waits for their results. Returns
        these."""
        name = name or secrets.token_hex(4)
        before = self.done()
        (self.source / name).mkdir()
        for number, photo in enumerate(PHOTOS):
            content = photo.read_bytes() + secrets.token_bytes(16)  # decoders ignore what follows the image
            (self.source / name / f"{'abcdefghijkl'[number]}{photo.suffix}").write_bytes(content)
        self.box.wait_until(lambda: self.done() == before + len(PHOTOS), "the results", 90)
        results = [*self.output.glob(f"*/{name}/*")]
        assert len(results) == 3 * len(PHOTOS)
        return results

    def drop_in(self, unit: str, text: str) -> Path:
        """What `systemctl edit` writes."""
        file = self.box.root / f"etc/systemd/system/{unit}.service.d/override.conf"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        self.box.run("systemctl", "daemon-reload")
        return file
