"""Both ends of a share: a listener's exchange, and what a worker of the same user does with its references."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from filterfleet.common.jobs.job import job_id
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.common.shares.names import Share
from filterfleet.common.shares.reference import Reference, read, seal
from filterfleet.common.shares.room import secret_of
from filterfleet.common.wire import Result
from filterfleet.listener.local.inside import version_of
from filterfleet.listener.local.source import OneVersion
from filterfleet.listener.shares import Exchange, Place
from filterfleet.worker.done import Done
from filterfleet.worker.resources import default
from filterfleet.worker.shares import Shares
from tests.unit.samples import picture, pil, saved

RECIPE = Recipe((Output("out", (Step("invert"),), "png"), Output("gray", (Step("grayscale"),), "png")))
PHOTO = saved(pil(picture()), "PNG")


class Ends:
    """photos: the folder of the source. exchange and shares: the listener's and the worker's end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.photos = root / "lab" / "photos"
        self.photos.mkdir(parents=True)
        self.share = Share("lab", str(root / "lab"))
        self.exchange = Exchange(Place("lab", "photos", self.share, "0" * 16))
        self.shares = Shares([self.share])

    def put(self, path: str = "trip/a.png", content: bytes = PHOTO) -> Path:
        file = self.photos / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def refer(self, file: Path) -> bytes:
        """As a listener does that has just loaded the file."""
        version = version_of(file.stat())
        assert version is not None
        path = str(file.relative_to(self.photos))
        with OneVersion(os.open(file, os.O_RDONLY), version, path) as image:
            return self.exchange.refer(image, hashlib.sha256(file.read_bytes()).digest())

    def forge(self, reference: bytes, **changes: object) -> bytes:
        """What somebody says who has the secret of the share, and wants something else of the worker."""
        known = read(reference)
        fields = {name: getattr(known, name) for name in known.__struct_fields__} | changes
        return seal(Reference(**fields), secret_of(self.share))

    def work(self, reference: bytes) -> object:
        return self.shares.attempt(b"lease", RECIPE.to_bytes(), reference, default())

    def collect(self, reference: bytes, done: Done) -> list[bytes]:
        files = self.exchange.collect(reference, result_of(done))
        try:
            return [bytes(file.read(0, len(file))) for file in files]
        finally:
            for file in files:
                file.close()

    @property
    def scratch(self) -> Path:
        return self.root / "lab" / ".filterfleet" / "share" / ("0" * 16)


def result_of(done: Done, id_: bytes = job_id(b"c" * 32, RECIPE)) -> Result:
    return Result(id_, done.outputs, done.report, left=done.left)
