"""`pip install` puts one package into an environment, `filterfleet`, and no module of its users' gets in its way."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import filterfleet
from tests.integration.harness import expected_outputs, output_files

REPOSITORY = Path(__file__).resolve().parents[2]
PHOTOS = Path(filterfleet.__file__).parent / "demo" / "photos"
ROLES = ("bench", "broker", "common", "listener", "worker")

# A package of another project which has the name of one of our folders, and modules named as ours are.
FOREIGN = {
    "broker/__init__.py": "OWNER = 'another project'\n",
    "broker/__main__.py": "raise SystemExit('this is the broker of another project')\n",
    "broker/core.py": "raise ImportError('this is the core of another project')\n",
    "broker-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: broker\nVersion: 1.0\n",
    "broker-1.0.dist-info/RECORD": "",
}
OWN_MODULE = "raise ImportError('filterfleet imported a module of its user: ' + __file__)\n"

PROCESS = """
import pathlib, sys
import filterfleet

for name, data in filterfleet.process(pathlib.Path(sys.argv[1]).read_bytes()).items():
    pathlib.Path(sys.argv[2], name).write_bytes(data)
"""
RUN = """
import sys
import filterfleet

if __name__ == "__main__":
    rows = filterfleet.run(sys.argv[1], sys.argv[2], engine="processes", workers=1)
    assert [row["status"] for row in rows] == ["done"], rows
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with filterfleet's wheel, and a folder of scripts that has modules of its own."""

    bin: Path
    site: Path
    scripts: Path

    def run(self, *argv: object) -> str:
        """A command started in the folder of scripts; everything it says. Fails unless it ends with 0."""
        ended = subprocess.run(
            [str(word) for word in argv],
            cwd=self.scripts,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def script(self, name: str, text: str, *arguments: object) -> str:
        (self.scripts / name).write_text(text)
        return self.run(self.bin / "python", self.scripts / name, *arguments)


def build(target: str, source: Path, folder: Path) -> Path:
    """The wheel or sdist of a source tree, built in the folder."""
    hatchling = (sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder)
    subprocess.run([str(word) for word in hatchling], cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def contents(wheel: Path) -> dict[str, bytes]:
    """Every file of a wheel by its path, but for the list of them all."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", REPOSITORY, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Has the wheel and nothing else, not even its dependencies."""
    home, scripts = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("scripts")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    (site,) = home.glob("lib/python*/site-packages")
    pip = (sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "--disable-pip-version-check")
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    return Environment(home / "bin", site, scripts)


@pytest.fixture(scope="module")
def hostile(environment: Environment) -> Environment:
    """Now with dependencies, another project's `broker`, and scripts that have the names of our folders.

    The dependencies are those of this test run: there may be no network. A .pth file makes them importable. Python
    reads no .pth files in the folders that it names, so the editable filterfleet of this run stays out of sight.
    """
    dependencies = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (environment.site / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    for path, text in FOREIGN.items():
        (environment.site / path).parent.mkdir(exist_ok=True)
        (environment.site / path).write_text(text)
    for role in ROLES:
        (environment.scripts / f"{role}.py").write_text(OWN_MODULE)
    return environment


def test_site_packages_holds_filterfleet_alone(environment: Environment) -> None:
    names = {path.name.partition("-")[0] for path in environment.site.iterdir()}
    assert names == {"filterfleet"}
    assert {path.name for path in (environment.site / "filterfleet").iterdir()} >= set(ROLES)
    assert not any(path.is_symlink() for path in environment.site.rglob("*"))
    assert (environment.bin.parent / "share/filterfleet/systemd/filterfleet-worker.service").is_file()


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_tree(wheel: Path, tmp_path: Path) -> None:
    """In the sdist, the links filterfleet/broker -> ../broker have become folders."""
    for name in ("sdist", "unpacked", "wheel"):
        (tmp_path / name).mkdir()
    with tarfile.open(build("sdist", REPOSITORY, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    again, directly = contents(build("wheel", source, tmp_path / "wheel")), contents(wheel)
    assert sorted(again) == sorted(directly)
    assert [name for name in again if again[name] != directly[name]] == []


def test_a_script_beside_modules_with_our_folders_names_uses_the_library(hostile: Environment, tmp_path: Path) -> None:
    photo = PHOTOS / "rocket.jpg"
    said = hostile.script("where.py", "import filterfleet, sys; print(filterfleet.__file__)")
    assert Path(said.strip()).is_relative_to(hostile.site)
    hostile.script("process.py", PROCESS, photo, tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == filterfleet.process(photo.read_bytes())


def test_its_worker_processes_import_no_module_of_the_script_either(hostile: Environment, tmp_path: Path) -> None:
    """They are started with the script's module path."""
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "camera.png").write_bytes((PHOTOS / "camera.png").read_bytes())
    hostile.script("run.py", RUN, source, output)
    assert {path: file.read_bytes() for path, file in output_files(output).items()} == expected_outputs(source)


def test_the_demo_runs_where_its_user_has_such_modules(hostile: Environment, tmp_path: Path) -> None:
    """Broker, workers and listener are processes of their own, which start in the folder of scripts as well."""
    said = hostile.run(hostile.bin / "filterfleet", "demo", "--output", tmp_path / "demo")
    photographs = tmp_path / "demo/photographs"
    images = len(list(photographs.iterdir()))
    assert f"{images} images done, 0 failed." in said
    found = {path: file.read_bytes() for path, file in output_files(tmp_path / "demo/results").items()}
    assert found == expected_outputs(photographs)


@pytest.mark.parametrize(
    "module", ["filterfleet", *(f"filterfleet.{role}" for role in ("broker", "listener", "worker"))]
)
def test_each_command_starts_as_a_module_in_such_a_folder(hostile: Environment, module: str) -> None:
    """With `python -m`, the first place where Python looks for modules is the folder itself."""
    assert "Usage:" in hostile.run(hostile.bin / "python", "-m", module, "--help")


def test_the_other_project_keeps_its_package(hostile: Environment) -> None:
    code = "import broker, filterfleet.broker; print(broker.OWNER)"
    assert hostile.run(hostile.bin / "python", "-I", "-c", code) == "another project\n"
