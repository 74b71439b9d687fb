"""Whether the files of a release are fit to be published: python -m tests.release DIST [PYTHON...].

Each PYTHON gets an environment of its own, with what requirements/run.txt pins and the wheel in it, and has to work.
"""

from __future__ import annotations

import email.parser
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email.message import Message
from pathlib import Path

from packaging.specifiers import SpecifierSet

from filterfleet.common.process.system import VERSION
from tests.unit.requirement_files import ROOT, project

PHOTO = ROOT / "filterfleet/demo/photos/rocket.jpg"
CHANGELOG = ROOT / "CHANGELOG.md"
PYTHONS = tuple(f"python3.{minor}" for minor in range(11, 15))


class UnfitError(Exception):
    """A sentence."""


def main() -> None:
    dist, *pythons = sys.argv[1:]
    try:
        for line in uncommitted(ROOT)[:1]:
            print(f'The tree is not as it was committed ("{line.strip()}", to begin with), and so the release is not.')
        wheel = check_files(Path(dist).resolve())
        print(f"{dist}: wheel and sdist of {VERSION}, as pyproject.toml says")
        for line in section(CHANGELOG.read_text(), "Unreleased")[:1]:
            print(f'CHANGELOG.md has changes under "Unreleased" ("{line[:60]}..."): a release gives them its number.')
        if not section(CHANGELOG.read_text(), VERSION):
            raise UnfitError(f'CHANGELOG.md has no section "{VERSION}": say there what is new.')
        for name in pythons or PYTHONS:
            print(check_install(name, wheel))
    except UnfitError as error:
        raise SystemExit(str(error)) from None


def uncommitted(tree: Path) -> list[str]:
    """What differs from the last commit, as git says it; nothing where there is no repository."""
    try:
        said = subprocess.run(["git", "status", "--porcelain"], cwd=tree, capture_output=True, text=True)
    except OSError:
        return []
    return said.stdout.splitlines()


def section(changelog: str, version: str) -> list[str]:
    """The lines of a version's section that are not empty; none if there is no such section."""
    _, _, rest = f"\n{changelog}".partition(f"\n## {version}\n")
    own = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return [line for line in own.splitlines() if line.strip()]


def check_files(dist: Path) -> Path:
    """The wheel. Raises UnfitError unless there is it and an sdist, of this version, with all that belongs in them."""
    wheel, sdist = dist / f"filterfleet-{VERSION}-py3-none-any.whl", dist / f"filterfleet-{VERSION}.tar.gz"
    found = {file.name for file in dist.iterdir() if file.name.endswith((".whl", ".tar.gz"))}
    if found != {wheel.name, sdist.name}:
        raise UnfitError(
            f"{dist} has {', '.join(sorted(found)) or 'nothing'}: it should have {wheel.name}, {sdist.name}."
        )
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
        told = metadata(archive.read(f"filterfleet-{VERSION}.dist-info/METADATA"))
    with tarfile.open(sdist) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    lacking = [name for name in ("filterfleet/py.typed", "filterfleet/broker/core.py") if name not in packed]
    lacking += [name for name in ("CHANGELOG.md", "containers/Dockerfile", "docs/operations.md") if name not in source]
    if lacking:
        raise UnfitError(f"The release lacks {', '.join(lacking)}: see [tool.hatch.build] in pyproject.toml.")
    check_metadata(told)
    return wheel


def metadata(data: bytes) -> Message:
    return email.parser.BytesParser().parsebytes(data)


def check_metadata(told: Message) -> None:
    """Raises UnfitError when it is not what pyproject.toml and system.py say."""
    table = project()
    wanted = {"Version": VERSION, "Name": table["name"], "Summary": table["description"]}
    wrong = {name: told[name] for name, value in wanted.items() if told[name] != value}
    if SpecifierSet(told["Requires-Python"]) != SpecifierSet(table["requires-python"]):
        wrong["Requires-Python"] = told["Requires-Python"]
    if wrong:
        raise UnfitError(f"The wheel's metadata says {wrong}: it is not of this tree.")
    if not str(told.get_payload()).startswith("# filterfleet"):
        raise UnfitError("The wheel's description is not README.md.")


def check_install(name: str, wheel: Path) -> str:
    """What has become of it, in a sentence. Raises UnfitError when the wheel does not work with this interpreter."""
    python = shutil.which(name)
    if python is None or subprocess.run([python, "-c", ""], capture_output=True).returncode != 0:
        return f"{name}: not on this machine, so not tried"
    with tempfile.TemporaryDirectory() as folder:
        home, requirements = Path(folder, "home"), ROOT / "requirements"
        pip = (home / "bin/pip", "--quiet", "--disable-pip-version-check", "install")
        steps: list[tuple[object, ...]] = [
            (python, "-m", "venv", home),
            (*pip, "--require-hashes", "--requirement", requirements / "build.txt"),
            (*pip, "--require-hashes", "--no-build-isolation", "--requirement", requirements / "run.txt"),
            (*pip, "--no-deps", wheel),
            (home / "bin/filterfleet", "--version"),
            (home / "bin/filterfleet", "doctor", "--only", "formats", "--only", "memory"),
            (home / "bin/filterfleet", "run", "--engine", "sequential", PHOTO.parent, Path(folder, "out")),
        ]
        for step in steps:
            done = subprocess.run([str(word) for word in step], cwd=folder, capture_output=True, text=True)
            if done.returncode != 0:
                words = " ".join(map(str, step[1:]))
                raise UnfitError(f"{name}: {words} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return f"{name}: installed with the pinned packages, and works"


if __name__ == "__main__":
    main()
