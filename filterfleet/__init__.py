"""filterfleet as a library.

    import filterfleet

    outputs = filterfleet.process(open("a.jpg", "rb").read())        # {"grayscale": b"...", ...}
    summary = filterfleet.run("in", "out", engine="threads")         # a whole folder, as `filterfleet run`
    with filterfleet.Client("192.0.2.10", 5555) as client: ...       # a running broker; see common.client.client.Client

Everything raises filterfleet.FleetError, whose text is a sentence for people. Nothing heavy is imported before it
is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from filterfleet.common.errors import FleetError

if TYPE_CHECKING:
    from filterfleet.common.client.client import Client
    from filterfleet.common.jobs.recipe import Recipe

__all__ = ["Client", "FleetError", "process", "run"]


def process(image: bytes, recipe: Recipe | str | Path | None = None) -> dict[str, bytes]:
    """The files of every output, by name, for one image file.

    The recipe is a Recipe, the name of one that ships ("sketch"), a TOML file, or None for the default one.

    Raises FleetError: ImageError for what is no usable image, RecipeError for a recipe that cannot be run.
    """
    from filterfleet.common.blob import whole
    from filterfleet.recipes import load_recipe
    from filterfleet.worker.pipeline import process as run_pipeline

    done = run_pipeline(image, load_recipe(recipe))
    return {output.name: bytes(whole(blob)) for output, blob in zip(done.outputs, done.blobs, strict=True)}


def run(
    source: str | Path,
    output: str | Path,
    *,
    engine: str = "processes",
    workers: int | None = None,
    threads: int | None = None,
    memory: int | None = None,
    recipe: Recipe | str | Path | None = None,
    force: bool = False,
    broker: str = "127.0.0.1",
    frontend_port: int = 5555,
    scheduler: str | None = None,
) -> list[dict[str, Any]]:
    """Process a folder once; one dict an image with the fields of `filterfleet run --report`.

    recipe is as for process().
    engine is sequential, threads, processes, mpi, dask or cluster; memory is in bytes, for the images of each process
    of the first three. What is done and unchanged is skipped unless
    force. To be called in the main thread. Raises FleetError.
    """
    import contextlib

    from filterfleet.batch import process_folder
    from filterfleet.common.jobs.engine import EngineName
    from filterfleet.common.logs import quiet_unless_configured
    from filterfleet.common.process.wakeup import StopSignal
    from filterfleet.recipes import load_recipe
    from filterfleet.worker.engines.select import open_engine

    quiet_unless_configured()
    if engine not in list(EngineName):
        raise FleetError(f"There is no engine {engine!r}; there are {', '.join(EngineName)}.")
    opened = open_engine(
        EngineName(engine),
        workers=workers,
        threads=threads,
        memory=memory,
        broker=broker,
        frontend_port=frontend_port,
        scheduler=scheduler,
    )
    with contextlib.closing(opened), contextlib.closing(StopSignal()) as stop:
        return process_folder(Path(source), Path(output), opened, load_recipe(recipe), force=force, stop=stop).rows


def __getattr__(name: str) -> Any:
    if name == "Client":
        from filterfleet.common.client.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
