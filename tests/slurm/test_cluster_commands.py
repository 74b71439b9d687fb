"""The commands for a cluster, as they stand in docs/cluster.md and docs/engines.md, in a real Slurm.

IN, OUT, BROKER and KEYS have these very names here. The nodes say that they have more processors than there are.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from filterfleet.listener.ledger.opening import LEDGER
from filterfleet.listener.state import PRIVATE
from tests.docs.pages import ROOT, commands_for
from tests.integration.harness import check_outputs, output_files, wait_until
from tests.slurm.conftest import Slurm, require_slurm

PHOTOS = sorted((ROOT / "filterfleet/demo/photos").glob("*.[jp][pn]g"))
COMMANDS = commands_for("tests/slurm/test_cluster_commands.py")
HEAD = "10.99.77.1"  # as boot.sh has it
NODES, CPUS = 4, 16
LENT = 8  # jobs of eight processors that these nodes have room for


class Cluster:
    """Somebody who submits jobs, in a folder with a checkout's examples and a folder of photographs, IN."""

    def __init__(self, slurm: Slurm, folder: Path) -> None:
        self.slurm = slurm
        self.folder = folder
        self.source, self.output = folder / "IN", folder / "OUT"
        (folder / "examples").symlink_to(ROOT / "examples")
        self.source.mkdir()
        for photo in PHOTOS:
            shutil.copy(photo, self.source)

    def type(self, command: str) -> str:
        shutil.rmtree(self.output, ignore_errors=True)
        return self.slurm.run("bash", "-c", command, patience=300)

    def submit(self, command: str) -> str:
        """Returns the job's number."""
        (number,) = re.findall(r"^Submitted batch job (\d+)$", self.type(command), re.MULTILINE)
        return str(number)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    require_slurm()
    folder = tmp_path_factory.mktemp("cluster")
    with Slurm(folder, NODES, CPUS) as slurm:
        yield Cluster(slurm, folder / "jobs")


def command(page: str, word: str) -> str:
    """The one that has this word."""
    (found,) = [line for (where, _), lines in COMMANDS.items() if where == page for line in lines if word in line]
    return found


def test_this_test_knows_every_command_that_pages_leave_to_it() -> None:
    assert sorted(line.split()[0] for lines in COMMANDS.values() for line in lines) == ["salloc", *3 * ["sbatch"]]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/cluster.md", "docs/engines.md"])
def test_a_fleet_lives_as_long_as_its_job(cluster: Cluster, page: str) -> None:
    ended = cluster.slurm.wait(cluster.submit(command(page, "fleet.sbatch")))
    assert (ended.state, ended.code) == ("COMPLETED", 0), ended.said
    assert f"{len(PHOTOS)} images done, 0 failed." in ended.said
    assert len(output_files(cluster.output)) >= len(PHOTOS)
    assert page != "docs/engines.md" or (cluster.folder / "report.csv").read_text().count("done") == len(PHOTOS)


@pytest.mark.slow
def test_an_interactive_allocation_runs_the_ranks(cluster: Cluster, expected: Callable[[Path], Any]) -> None:
    said = cluster.type(command("docs/engines.md", "salloc"))
    assert f"{len(PHOTOS)} images done, 0 failed." in said
    check_outputs(cluster.output, expected(cluster.source))
    with contextlib.closing(sqlite3.connect(cluster.output / PRIVATE / LEDGER)) as ledger:
        workers = [worker for (worker,) in ledger.execute("SELECT DISTINCT worker FROM results")]
    hosts = {worker.partition("/")[0] for worker in workers}
    assert hosts
    assert hosts <= {f"n{number}" for number in range(1, NODES + 1)}, "mpiexec has found the nodes by itself"


@pytest.mark.slow
def test_an_array_of_jobs_lends_workers_to_a_broker_outside(
    cluster: Cluster, expected: Callable[[Path], Any], tmp_path: Path
) -> None:
    slurm, keys = cluster.slurm, tmp_path / "keys"
    slurm.run("sh", "-c", f"echo {HEAD} BROKER >>/etc/hosts")
    slurm.run("filterfleet", "keys", keys, "--worker", "cluster")
    shutil.copytree(keys / "machines/cluster", cluster.folder / "KEYS")
    job = cluster.submit(command("docs/cluster.md", "--array"))
    at = f"--broker {HEAD} --keys {keys}"
    daemons = (f"broker --bind {HEAD} --keys {keys}", f"listener --source IN --output OUT {at}")
    for words in daemons:
        slurm.run("sh", "-c", f"setsid filterfleet {words} >{tmp_path}/{words[:6]}.log 2>&1 </dev/null &")

    def workers() -> int:
        said = slurm.run("filterfleet", "status", "--json", *at.split(), check=False)
        return len(json.loads(said)["workers"]) if said.startswith("{") else 0

    wait_until(lambda: workers() == LENT, 120, "workers of all jobs that have room")
    images = expected(cluster.source)
    wait_until(lambda: len(output_files(cluster.output)) == len(images), 120, "all images")
    check_outputs(cluster.output, images)
    slurm.run("scancel", job)
    wait_until(lambda: not slurm.processes("bin/filterfleet worker"), 60, "the end of all workers")
    slurm.run("pkill", "--full", f"bin/filterfleet (broker|listener) .*{keys}")
    wait_until(lambda: not slurm.run("pgrep", "--full", str(keys), check=False), 30, "their end")
