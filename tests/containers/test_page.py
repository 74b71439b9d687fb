"""The commands of docs/containers.md, as they stand there, in a copy of this tree and on a real engine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import filterfleet
from filterfleet.common.process.ports import free_ports
from tests.containers.engines import REPOSITORY, SLOW, Engine
from tests.docs.pages import blocks_of
from tests.integration.harness import output_files, wait_until

PHOTOS = Path(filterfleet.__file__).parent / "demo" / "photos"
ROLES = ("bench", "broker", "common", "listener", "worker")
COPIED = ("filterfleet", "systemd", "containers", "requirements", *ROLES)

# An engine that runs for the tests has no bridge, so the files of an image come from the host's network. Compose
# may be a program of its own.
SHELL = """
set -e
shopt -s expand_aliases
docker() {
    case $1 in
    compose) shift; %s "$@" ;;
    build) shift; command docker build --network host --build-arg BASE="$BASE" "$@" ;;
    *) command docker "$@" ;;
    esac
}
type sudo >/dev/null 2>&1 || sudo() { "$@"; }
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2000)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of everything that an image is built from."""
    for name in COPIED:
        shutil.copytree(REPOSITORY / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE", ".dockerignore"):
        shutil.copy2(REPOSITORY / file, tmp_path / file)
    (tmp_path / "in").mkdir()
    (tmp_path / "in").chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


@pytest.fixture
def environment(engine: Engine, base: str, checkout: Path) -> Iterator[dict[str, str]]:
    if not engine.compose:
        pytest.skip("needs Compose (apt package docker-compose, or the plugin of Docker)")
    made = engine.environment | {
        "BASE": base,
        "COMPOSE_PROJECT_NAME": f"filterfleet-page-{os.getpid()}",
        "DASHBOARD_PORT": str(free_ports().frontend),
    }
    yield made
    stack = (*engine.compose, "--file", checkout / "containers/compose.yaml")
    for words in (("kill",), ("down", "--volumes")):
        subprocess.run([*map(str, stack), *words], env=made, capture_output=True, timeout=120, check=False)


def test_every_command_of_the_page_works_in_its_order(
    engine: Engine, image: str, environment: dict[str, str], checkout: Path
) -> None:
    """image: it is there already, so that building it once more takes a moment."""
    blocks = [block for block in blocks_of("containers") if not block.notes]
    assert len(blocks) >= 4
    script = SHELL % (" ".join(engine.compose) if len(engine.compose) == 1 else "command docker compose")
    photos = sorted(PHOTOS.glob("*.jpg"))
    for photo in photos:
        shutil.copy(photo, checkout / "in")
        (checkout / "in" / photo.name).chmod(0o644)
    for number, block in enumerate(blocks):
        run(script + block.body, checkout, environment)
        if number == 0:
            wait_until(lambda: len(output_files(checkout / "out")) >= 3 * len(photos), 90, "the outputs")
    assert (checkout / "ledger-backup.sqlite3").read_bytes().startswith(b"SQLite format 3")


def run(script: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SLOW,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}"
