"""Names that a shell, a terminal, a URL or a filter would take for something else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cloud.conftest import StartServer
from tests.cloud.scenarios.rig import MakeWork, check_clean, expected_of
from tests.cloud.servers import Place

LONGEST = 255  # bytes of a name
# $CANARY is a file that does not exist and shall not.
NAMES = [
    "it's.jpg",
    'say "cheese".jpg',
    "$(touch $CANARY).jpg",
    "`touch $CANARY`.jpg",
    "; touch $CANARY ;.jpg",
    "| touch $CANARY.jpg",
    "&& touch $CANARY &.jpg",
    '"; touch $CANARY; ".jpg',
    "'; touch $CANARY; '.jpg",
    "> $CANARY .jpg",
    "line\nbreak.jpg",
    "carriage\rreturn and\ttab.jpg",
    "--config=x.jpg",
    "-rf",  # a folder
    "..jpg",
    "a..b/...c/..d.jpg",
    "..%2f..%2fetc%2fpasswd.jpg",
    "100% %20 %00.jpg",
    "back\\slash.jpg",
    "star* [a-z] {b,c} what?.jpg",
    "colon: #hash; x=1.jpg",
    "s3:bucket,key=value:x.jpg",
    " spaces at the start and in the end .jpg",
    "folder with a space at its end /x.jpg",
    "e\u0301 combining, \u00e9 not.jpg",
    "日本語 ελληνικά עברית \u202egpj.jpg",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family.jpg",
    "fullwidth \uff0f \uff1a \uff0e \u2024 \u201b \u2400.jpg",
    "x" * (LONGEST - 4) + ".jpg",
    "\x7f delete \x1b[31m red.jpg",
]
NAMES = ["-rf/-x.jpg" if name == "-rf" else name for name in NAMES]


@pytest.fixture
def hostile(images: dict[str, bytes]) -> dict[str, bytes]:
    """An image of its own for each name."""
    assert len(NAMES) >= 28
    return dict(zip(NAMES, images.values(), strict=False))


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "canary"
    monkeypatch.setenv("CANARY", str(file))
    return file


def test_the_canary_sings_when_a_shell_sees_a_name(canary: Path) -> None:
    for name in NAMES:
        if "$CANARY" in name and not name.startswith(("'", '"')):
            subprocess.run(f"true {name}", shell=True, stderr=subprocess.DEVNULL)
            assert canary.exists(), name
            canary.unlink()
    for name in NAMES:
        if "$CANARY" in name and name.startswith('"'):
            subprocess.run(f'true "{name}"', shell=True, stderr=subprocess.DEVNULL)
            assert canary.exists(), name
            canary.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["seaweed", "s3", "sftp"])
def test_hostile_names_come_in_and_out_unharmed(
    kind: str, start_server: StartServer, make_work: MakeWork, hostile: dict[str, bytes], canary: Path
) -> None:
    server = start_server(kind)
    source, output = server.root / "in", server.root / "out"
    held = put_what_can_be(source, hostile)
    work = make_work(source, output)
    work.configure(server)
    listener = work.listen("--once")
    code = listener.wait(150)
    failed = dict(work.rows("SELECT path, reason FROM objects WHERE state = 'failed'"))
    assert code == (1 if failed else 0), listener.said
    print(sorted(hostile.keys() - held.keys()), failed, listener.said)
    assert set(failed) <= {name for name in held if len(name) == LONGEST}  # some outputs have longer names
    work.check_outputs(expected_of({path: data for path, data in held.items() if path not in failed}))
    assert not canary.exists()
    check_clean(listener)


def put_what_can_be(source: Place, files: dict[str, bytes]) -> dict[str, bytes]:
    """Those of the files that the store has, by its own word, when all have been put there."""
    for path, data in files.items():
        try:
            source.put(path, data)
        except OSError as error:
            print(f"{path!r}: {error}")
    return {path: data for path, data in source.files().items() if files.get(path) == data}
