"""What the studio's process does: it answers, one question after the other. This loads OpenCV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from filterfleet.common.errors import FleetError
from filterfleet.common.jobs.recipe import ENCODINGS, Damaged, Metadata
from filterfleet.common.jobs.shipped import shipped, shipped_text
from filterfleet.common.logs import quiet_unless_configured
from filterfleet.studio.asked import Asked
from filterfleet.studio.bench import SIDE, Bench
from filterfleet.studio.form import described
from filterfleet.studio.frames import packed, read
from filterfleet.studio.opened import opened
from filterfleet.studio.toml import toml_of
from filterfleet.worker.memory import Memory, confine, share
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.resources import Resources

# Bytes for images. More: larger photographs go whole instead of in strips. Less: they leave more to others.
MEMORY = 2 << 30
PARTS = 4  # and at most a fourth of the memory that workers may take


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Until the questions end."""
    prepare_process()
    quiet_unless_configured()
    memory = min(MEMORY, share(PARTS))
    confine(memory)
    desk = _Desk(Resources(1, Memory(memory)))
    while True:
        try:
            question = read(questions)
        except EOFError:
            return
        answers.write(packed(desk.answer(question)))
        answers.flush()


class _Desk:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._bench: Bench | None = None

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """An error is an answer that has a sentence."""
        try:
            return self._answer(question)
        except FleetError as error:
            return {"error": str(error)}
        except MemoryError:
            return {"error": "There is too little memory for this photograph."}
        except Exception as error:  # noqa: BLE001 - a library's fault, or a plugin's, must not end the studio
            return {"error": f"The studio failed unexpectedly: {type(error).__name__}."}

    def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        match question:
            case {"kind": "catalogue"}:
                return _catalogue()
            case {"kind": "open", "data": bytes(data), "beside": dict(beside)}:
                return opened(data, beside)
            case {"kind": "open", "shipped": str(name)} if name in shipped():
                return opened(shipped_text(name).encode(), {})
            case {"kind": "write", "asked": dict(asked)}:
                found = Asked(asked)
                return {"toml": toml_of(found.recipe, found.pictures.names)}
            case {"kind": "photo", "data": bytes(data)}:
                self._bench = bench = Bench(self._resources, data)
                picture, media = bench.picture
                size = {"width": bench.width, "height": bench.height}
                facts = {"format": bench.format, "whole": bench.is_small, "side": SIDE, "notes": bench.notes}
                return {"picture": picture, "type": media, **size, **facts}
            case {"kind": "try", "asked": dict(asked), "full": bool(full)} if self._bench is not None:
                return self._bench.tried(Asked(asked), full=full)
        raise FleetError("The studio does not understand this.")


def _catalogue() -> dict[str, Any]:
    """What a recipe may have, and the recipes that ship."""
    return {
        "filters": described(),
        "encodings": list(ENCODINGS),
        "metadata": [each.value for each in Metadata],
        "damaged": [each.value for each in Damaged],
        "recipes": [
            {"name": name, "summary": shipped_text(name).partition("\n")[0].removeprefix("# ")} for name in shipped()
        ],
    }
