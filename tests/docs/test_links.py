"""Links between pages lead to files and headings that exist, and so do the paths that the developers' pages name."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

ARCHITECTURE = ROOT / "ARCHITECTURE.md"
ALL = (*PAGES, ARCHITECTURE, ROOT / "CHANGELOG.md")
ROLES = ("broker", "worker", "listener", "common", "bench", "filterfleet")
FOLDERS = (*ROLES, "tests", "examples", "containers", "systemd", "requirements", "docs")


@cache
def prose(page: Path) -> str:
    """Without what is fenced."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


@cache
def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    shown = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in shown}


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_is_dead(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        if ":" in path:
            continue
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(target)
    assert not dead


@pytest.mark.parametrize("page", [ARCHITECTURE, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    """A path without the folder of a role is one that its section is about."""
    every = {path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*")} | {
        *FOLDERS
    }
    named = re.findall(r"`([\w./-]+(?:/|\.(?:py|sql|js|yml|toml|json)))`", prose(page))
    paths = [path.rstrip("/") for path in named if not path.startswith((".", "/", "dist/"))]
    gone = [path for path in paths if not any(one == path or one.endswith(f"/{path}") for one in every)]
    assert paths
    assert not gone


def test_every_room_is_listed() -> None:
    """In the tree of ARCHITECTURE.md, a role is indented by 4 and a room of it by 6."""
    listed: set[str] = set()
    role = ""
    for indent, name in re.findall(r"^( {4}| {6})(\w+)/ ", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE):
        role = name if len(indent) == 4 else role
        listed.add(name if len(indent) == 4 else f"{role}/{name}")
    folders = (path for role in ROLES for path in (ROOT / role).iterdir() if path.is_dir() and not path.is_symlink())
    rooms = {path.relative_to(ROOT).as_posix() for path in folders if not path.name.startswith(("_", "."))}
    assert listed == rooms | {*FOLDERS} - {"docs"}
