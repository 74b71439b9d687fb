"""Compares an output, local or in a cloud, with its ledger, for the commands `verify` and `redo --missing`."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filterfleet.commands.ordering import Place
from filterfleet.common.errors import FleetError
from filterfleet.listener.audit import Found, LocalOutput, audit, listed
from filterfleet.listener.settings.location import Remote, parse_location


def findings(place: Place, output: str, *, content: bool, rclone_config: Path | None) -> Iterator[Found]:
    """Everything that is wrong with the outputs of these sources. content: read them. Raises FleetError."""
    root = parse_location(output)
    if isinstance(root, Remote):
        if content:
            raise FleetError(f"--hash reads files of this machine, and {root} is in a cloud: leave --hash out.")
        size, sum_of = listed(_sizes(root, rclone_config)), None
        for source in place.sources:
            yield from audit(place.ledger, source, size, sum_of)
        return
    with contextlib.closing(LocalOutput(root, links=True)) as folder:
        for source in place.sources:
            yield from audit(place.ledger, source, folder.size, folder.sum_of if content else None)


def _sizes(root: Remote, config: Path | None) -> dict[str, int]:
    """The size of every file below the root of a remote, by path."""
    # Here, because the code for remotes takes 0.1 s to import, and local outputs do not need it.
    from filterfleet.listener.cloud.rclone.remote_files import Rclone
    from filterfleet.listener.cloud.rclone.remotes import check_remote

    check_remote(root.fs, config)
    with (
        tempfile.TemporaryDirectory() as room,
        contextlib.closing(Rclone(Path(room), config=config, bandwidth=None, transfers=1)) as rclone,
    ):
        return {entry.path: entry.size for entry in rclone.list(root.fs, ["- /.filterfleet/**"])}
