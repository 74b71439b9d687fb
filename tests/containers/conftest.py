"""A real container engine, and the image of this tree in it.

An engine that answers is used as it is. Where none does, dockerd is started for the tests, with its data in a
temporary folder. The base image is the one that the Dockerfile names, or, where the engine has none, one
made of Debian packages.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engines import CONTAINERS, NAME, REPOSITORY, SLOW, UID, USUAL, Engine, started


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if platform.system() != "Linux" or shutil.which("docker") is None:
        pytest.skip("needs Linux with Docker (apt package docker.io)")
    if Engine().answers:
        yield Engine(compose=_compose())
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip(
            "no container engine answers, and none can be started: that needs root and the apt package docker.io"
        )
    folder = tmp_path_factory.mktemp("engine")
    with started(folder) as found:
        if found is None:
            pytest.skip(f"dockerd cannot run here: {(folder / 'log').read_text()[-500:]}")
        yield Engine(found.host, _compose())
    shutil.rmtree(folder / "data", ignore_errors=True)


@pytest.fixture(scope="session")
def base(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image with Python."""
    known = next(filter(engine.has, (USUAL, f"{NAME}-base")), None)
    return known or _debian(engine, tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def image(engine: Engine, base: str) -> str:
    """The name of the image of this tree."""
    built = ("--network", "host", "--build-arg", f"BASE={base}", "--build-arg", f"UID={UID}")
    engine.run("build", *built, "--file", CONTAINERS / "Dockerfile", "--tag", NAME, REPOSITORY, patience=SLOW)
    return NAME


def _debian(engine: Engine, folder: Path) -> str:
    """The name of a base image of this machine's Debian, whose pip is configured as it is here."""
    if shutil.which("mmdebstrap") is None:
        pytest.skip(f"the engine has no image {USUAL}, and there is no mmdebstrap to make one like it")
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    packages = "--include=python3,python3-venv,ca-certificates"
    slim = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
    argv = ["mmdebstrap", "--quiet", "--variant=minbase", packages, *slim, release["VERSION_CODENAME"]]
    done = subprocess.run([*argv, str(folder / "root.tar")], capture_output=True, text=True, timeout=SLOW)
    if done.returncode != 0:
        pytest.skip(f"no base image can be made here: {done.stderr[-300:]}")
    engine.run("import", folder / "root.tar", f"{NAME}-debian")
    (folder / "root.tar").unlink()
    lines = [f"FROM {NAME}-debian"]
    for file in ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"):
        if Path(file).is_file():
            shutil.copy(file, folder / Path(file).name)
            lines.append(f"COPY {Path(file).name} {file}")
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
    engine.run("build", "--tag", f"{NAME}-base", folder)
    return f"{NAME}-base"


def _compose() -> tuple[str, ...]:
    """Compose as a plugin of Docker, or as the program of its own that it was before."""
    plugin = ("docker", "compose")
    if subprocess.run([*plugin, "version"], capture_output=True, timeout=60).returncode == 0:
        return plugin
    return ("docker-compose",) if shutil.which("docker-compose") else ()
