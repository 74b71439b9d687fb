"""The names of image files, and of the outputs that are made of them."""

from __future__ import annotations

from filterfleet.common.jobs.extensions import FORMAT_OF_EXTENSION
from filterfleet.common.jobs.job import EXTENSION_OF_OUTPUT
from filterfleet.common.jobs.patterns import of_source
from filterfleet.common.wire import OutputFile

SIDECAR, JSON = "sidecar", "json"  # name and format of an output that no recipe makes (listener.core.sidecar)
EXTENSIONS = EXTENSION_OF_OUTPUT | {JSON: "json"}  # of everything that has an output path, by its format


def format_of_name(path: str) -> str | None:
    """The format that the extension of a file stands for; None if it is no image's."""
    return FORMAT_OF_EXTENSION.get(_extension(path).lower())


def is_image_name(path: str) -> bool:
    return format_of_name(path) is not None


def has_no_extension(path: str) -> bool:
    return not _extension(path)


def _extension(path: str) -> str:
    """The last suffix of a file, with its dot; empty if there is none, as in ".jpg" and in "a."."""
    name = path[path.rfind("/") + 1 :]
    at = name.rfind(".")
    return name[at:] if 0 < at < len(name) - 1 else ""


def output_path(output: str, source: str, image_format: str) -> str:
    """The path of an output below the output root, for a path below the source root.

    A name keeps its extension when that already tells the format. Otherwise the extension of the format is appended
    (edges/trip/a.jpg.png). A name with two image extensions always gets a third one, so that no two sources share an
    output: a.jpg and a.jpg.png do occur in one folder. For the same reason a name without an extension gets two: the
    output of a in JPEG is a.jpg.jpg, because a.jpg may lie beside it.
    """
    if has_no_extension(source):
        return f"{output}/{source}{2 * f'.{EXTENSIONS[image_format]}'}"
    own = format_of_name(source) == image_format
    if own and not is_image_name(source[: source.rfind(".")]):
        return f"{output}/{source}"
    return f"{output}/{source}.{EXTENSIONS[image_format]}"


class NamedFile(OutputFile, frozen=True, gc=False, array_like=True):
    """An output whose recipe names its file: a pattern (common.jobs.patterns) without fields but those of the source.
    It never travels: whoever places outputs makes it of the recipe."""

    file: str = ""


def place_of(output: OutputFile, source: str) -> str:
    """The path of an output below the output root, for a path below the source root. The file is in the same folder
    as it would be without a name of its own."""
    if not isinstance(output, NamedFile):
        return output_path(output.name, source, output.format)
    folder, slash, name = source.rpartition("/")
    return f"{output.name}/{folder}{slash}{of_source(output.file, name)}"
