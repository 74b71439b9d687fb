"""A hundred photographs are uploaded to a cloud while a fleet watches, then some are replaced, renamed and deleted."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from filterfleet.listener.cloud.rclone.binary import find_rclone
from tests.cloud.conftest import StartServer
from tests.cloud.scenarios.rig import PATIENCE, MakeWork, Work, check_clean, expected_of
from tests.cloud.stores import Place, disk
from tests.integration.harness import wait_until

SOME = 5


def upload(source: Place, images: Mapping[str, bytes], config: Path, folder: Path) -> None:
    """Upload as a user does, under the final names."""
    disk(folder).put_all(images)
    argv = [find_rclone(), f"--config={config}", "copy", "--inplace", "--transfers=4", str(folder), source.fs]
    subprocess.run(argv, check=True, capture_output=True)


def wait_for_outputs(work: Work, expected: Mapping[str, bytes]) -> None:
    wait_until(lambda: set(work.output.names()) >= set(expected), PATIENCE, f"{len(expected)} outputs")
    wait_until(lambda: work.outputs() == expected, PATIENCE, f"{len(expected)} outputs as they should be")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("source_kind", "output_kind"),
    [("seaweed", "seaweed"), ("sftp", "local"), ("webdav", "sftp"), ("local", "webdav")],
)
def test_uploads_are_processed_and_later_changes_cause_exactly_their_work(
    source_kind: str,
    output_kind: str,
    start_server: StartServer,
    make_work: MakeWork,
    images: dict[str, bytes],
    expected: dict[str, bytes],
    tmp_path: Path,
) -> None:
    servers = {kind: start_server(kind) for kind in {source_kind, output_kind} - {"local"}}
    roots = {kind: server.root for kind, server in servers.items()} | {"local": disk(tmp_path / "local")}
    source, output = roots[source_kind] / "in", roots[output_kind] / "out"
    source.put("first.jpg", images["0001.jpg"])
    work = make_work(source, output)
    work.configure(*servers.values())
    listener = work.listen()
    work.wait_for(1, listener)

    # a hundred
    upload(source, images, work.config, tmp_path / "upload")
    known = images | {"first.jpg": images["0001.jpg"]}
    wanted = expected | expected_of({"first.jpg": images["0001.jpg"]})
    wait_for_outputs(work, wanted)
    assert len(expected) == 300
    work.wait_for(len(known), listener)  # the ledger is a little later
    before = work.results()
    assert sorted(path for path, *_ in before) == sorted(known)

    # replace, rename, delete
    paths = sorted(images)
    replaced = {path: images[other] for path, other in zip(paths[10:15], paths[50:55], strict=True)}
    replaced = {path: data + b"\0" * SOME for path, data in replaced.items()}  # another size, the same picture
    source.put_all(replaced)
    renamed = {path: f"new place/{number} {Path(path).name}" for number, path in enumerate(paths[20:25])}
    for path, new in renamed.items():
        source.rename(path, new)
    for path in paths[30:35]:
        source.delete(path)
    wanted |= expected_of(replaced)
    wanted |= expected_of({new: images[path] for path, new in renamed.items()})  # the old outputs stay
    wait_for_outputs(work, wanted)

    # and nothing else is done: the image that comes last is processed last
    source.put("last.jpg", images["0002.jpg"])
    wanted |= expected_of({"last.jpg": images["0002.jpg"]})
    wait_for_outputs(work, wanted)
    wait_until(lambda: "last.jpg" in {path for path, *_ in work.results()}, PATIENCE, "its row in the ledger")
    listener.terminate()
    assert listener.wait() == 0, listener.said
    after = work.results()
    assert {key: after[key] for key in before} == before
    new = sorted(path for path, *_ in after.keys() - before.keys())
    assert new == sorted([*replaced, *renamed.values(), "last.jpg"])
    work.check_outputs(wanted)
    work.check_no_rclone()
    check_clean(listener)
