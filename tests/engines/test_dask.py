"""What only happens with a Dask cluster: it loses workers, or its scheduler."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.conftest import Run, Start, start_dask
from tests.engines.rig import Setup, outputs_of
from tests.integration.harness import Processes, count_done, wait_until


@pytest.mark.slow
def test_a_worker_that_dies_costs_nothing_and_a_lost_scheduler_is_told(
    processes: Processes,
    start: Start,
    run: Run,
    many: Path,
    slow_recipe: Path,
    soft: dict[str, bytes],
    tmp_path: Path,
) -> None:
    address, scheduler, workers = start_dask(processes, tmp_path / "dask")
    setup = Setup("dask", ("--insecure", "--scheduler", address))
    running = start(setup.command(many, tmp_path / "one", "--recipe", slow_recipe))
    wait_until(lambda: count_done(tmp_path / "one") >= 4, what="some work")
    for process in workers[0].descendants():
        process.kill()
    workers[0].kill()
    running.wait().check(0)
    assert outputs_of(tmp_path / "one") == soft

    output = tmp_path / "two"
    running = start(setup.command(many, output, "--recipe", slow_recipe, "--report", tmp_path / "report.json"))
    wait_until(lambda: count_done(output) >= 4, what="some work")
    scheduler.kill()
    ended = running.wait().check(1)
    assert "The engine failed: The connection to the Dask scheduler was lost." in ended.stderr
    assert all(soft[path] == content for path, content in outputs_of(output).items())
    run(Setup("threads").command(many, output, "--recipe", slow_recipe)).check(0)
    assert outputs_of(output) == soft, "images that failed because of the engine are tried again"
