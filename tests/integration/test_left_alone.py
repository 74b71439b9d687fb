"""A folder with one file of every kind that is not processed: the exit code, the sentences, and the report."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import COMMAND
from tests.unit.golden_files import GOLDEN

LEFT_ALONE = ("a.eps", "b.EPS", "c.svg", "d.pdf", "e.ai", "f.xcf", "g.exr", "h.xmp", "notes", "picture")
SENTENCE = (
    "10 files were left alone: 2 .eps, 1 .ai, 1 .exr, 1 .pdf, 1 .svg, 1 .xcf, 2 without an extension and 1 other. "
    "Convert pictures among them to TIFF or PNG to have them processed. "
    "--sniff takes files without an extension that are images."
)


def filled(source: Path) -> Path:
    source.mkdir()
    for name in LEFT_ALONE:
        (source / name).write_bytes(GOLDEN["png"][0] if name == "picture" else b"nothing that we read")
    for name in ("@eaDir", "#recycle", "$RECYCLE.BIN"):
        (source / name).mkdir()
        (source / name / "thumbnail.jpg").write_bytes(b"not for us")
    (source / "Thumbs.db").write_bytes(b"not for us")
    return source


def run(program: tuple[str, ...], *arguments: object) -> tuple[int, str]:
    ended = subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout + ended.stderr


def test_what_is_left_alone_is_said_and_is_no_failure(tmp_path):
    source, report = filled(tmp_path / "in"), tmp_path / "report.json"
    batch = ("run", source, tmp_path / "out", "--engine", "sequential", "--report", report)

    code, said = run((COMMAND,), *batch)

    assert code == 0, said
    assert f"0 images done, 0 failed. Results: {tmp_path / 'out'}\n{SENTENCE}\n" in said
    assert json.loads(report.read_text()) == []

    code, said = run((COMMAND,), *batch, "--sniff")

    assert code == 0, said
    assert "1 images done, 0 failed" in said
    assert "8 files were left alone: 2 .eps, " in said
    assert "--sniff" not in said
    (row,) = json.loads(report.read_text())
    assert (row["path"], row["status"]) == ("picture", "done")
    assert (tmp_path / "out" / "grayscale" / "picture.png.png").exists()

    code, said = run((COMMAND,), *batch, "--no-default-excludes")

    assert code == 1, said
    assert "11 files were left alone" in said
    rows = {row["path"]: row["status"] for row in json.loads(report.read_text()) if row["status"] == "failed"}
    assert rows == dict.fromkeys(
        ("@eaDir/thumbnail.jpg", "#recycle/thumbnail.jpg", "$RECYCLE.BIN/thumbnail.jpg"), "failed"
    )


def test_up_says_it_as_well(tmp_path):
    frontend, backend = free_ports()
    source = filled(tmp_path / "in")
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    code, said = run(
        (COMMAND,),
        "up",
        "--source",
        source,
        "--output",
        tmp_path / "out",
        "--once",
        *ports,
        "--settle=0",
        "--workers=1",
    )
    assert code == 0, said
    assert "0 images done, 0 failed" in said
    assert SENTENCE in said
    assert SENTENCE in (tmp_path / "out" / ".filterfleet" / "logs" / "listener.log").read_text(), "as `listener --once`"
