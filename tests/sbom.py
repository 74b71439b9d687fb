"""Whether a software bill of materials lists what requirements/run.txt pins: python -m tests.sbom FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.unit.requirement_files import pins, project


def main() -> None:
    bom = json.loads(Path(sys.argv[1]).read_text())
    listed = {canonicalize_name(each["name"]): each for each in bom["components"]}
    wanted = {name: pin.version for name, pin in pins("run.txt").items()}
    assert bom["bomFormat"] == "CycloneDX"
    assert bom["metadata"]["component"]["name"] == project()["name"]
    assert {name: each["version"] for name, each in listed.items()} == wanted
    assert all(each["purl"] == f"pkg:pypi/{name}@{wanted[name]}" for name, each in listed.items())
    print(f"{sys.argv[1]}: {len(listed)} packages, as in requirements/run.txt")


if __name__ == "__main__":
    main()
