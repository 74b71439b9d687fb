"""What `make release` and `make audit` refuse, and what they let pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from filterfleet.common.process.system import VERSION
from tests import audit
from tests.audit import verdict
from tests.release import UnfitError, check_files, check_install, check_metadata, metadata, section, uncommitted
from tests.unit.requirement_files import ROOT, project

CHANGES = "# Changelog\n\n## Unreleased\n\n## 0.2.0\n\n- New.\n\n### More\n\n- Of it.\n\n## 0.1.0\n\n- First.\n"


@pytest.mark.parametrize(
    ("version", "lines"),
    [
        ("Unreleased", []),
        ("0.2.0", ["- New.", "### More", "- Of it."]),
        ("0.1.0", ["- First."]),
        ("0.3.0", []),
        ("0.2", []),
    ],
)
def test_the_section_of_a_version(version: str, lines: list[str]) -> None:
    assert section(CHANGES, version) == lines


def test_this_version_has_a_section() -> None:
    assert section((ROOT / "CHANGELOG.md").read_text(), VERSION)


def test_a_tree_that_is_not_as_it_was_committed_is_named(tmp_path: Path) -> None:
    assert uncommitted(tmp_path) == [], "there is no repository"
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    assert uncommitted(tmp_path) == []
    (tmp_path / "new.py").touch()
    assert uncommitted(tmp_path) == ["?? new.py"]


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match=f"nothing: it should have filterfleet-{VERSION}-py3-none-any.whl"):
        check_files(tmp_path)
    (tmp_path / "filterfleet-0.0.9.tar.gz").write_text("")
    with pytest.raises(UnfitError, match=r"has filterfleet-0\.0\.9\.tar\.gz"):
        check_files(tmp_path)


def told(**changed: str) -> bytes:
    table = project()
    lines = {
        "Name": table["name"],
        "Version": VERSION,
        "Summary": table["description"],
        "Requires-Python": table["requires-python"],
    }
    body = changed.pop("body", "# filterfleet\n")
    return "".join(f"{name}: {value}\n" for name, value in (lines | changed).items()).encode() + f"\n{body}".encode()


def test_metadata_of_another_tree_is_refused() -> None:
    check_metadata(metadata(told()))
    for changed in ({"Version": "9.9"}, {"Summary": "Another thing"}, {"Requires-Python": ">=3.8"}, {"body": "Hello"}):
        with pytest.raises(UnfitError):
            check_metadata(metadata(told(**changed)))


def test_an_interpreter_that_is_not_here_is_named_and_no_error() -> None:
    assert check_install("python3.99", Path("none.whl")) == "python3.99: not on this machine, so not tried"


@pytest.mark.slow
def test_the_files_of_this_tree_are_fit(tmp_path: Path) -> None:
    build = (sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path))
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    assert check_files(tmp_path).name == f"filterfleet-{VERSION}-py3-none-any.whl"


# --- vulnerabilities ----


def report(*packages: dict[str, object]) -> str:
    return json.dumps({"dependencies": [{"name": "numpy", "version": "2.0", **each} for each in packages], "fixes": []})


BAD = {"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": "Bad."}


def test_a_known_vulnerability_is_an_error() -> None:
    code, said = verdict(report({"vulns": []}, {"vulns": [BAD]}))
    assert code == 1
    assert "numpy 2.0: PYSEC-1, mended in 2.1" in said


def test_one_that_does_not_concern_us_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "HARMLESS", {"PYSEC-1": "we never call it"})
    assert verdict(report({"vulns": [BAD]}))[0] == 0


def test_packages_without_any_pass() -> None:
    assert verdict(report({"vulns": []}, {"skip_reason": "unknown"})) == (
        0,
        "1 of 2 packages were looked up: none has a known vulnerability.",
    )


@pytest.mark.parametrize("said", ["", "connection refused", "{}", "[]", report({"skip_reason": "not found"})])
def test_that_nobody_knows_is_a_sentence_and_no_error(said: str) -> None:
    code, sentence = verdict(said)
    assert code == 0
    assert sentence.startswith("Vulnerabilities were not looked up")
