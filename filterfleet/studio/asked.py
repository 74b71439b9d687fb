"""The recipe that somebody has put together in the studio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from filterfleet.common.errors import RecipeError
from filterfleet.common.jobs.output_options import KEYS
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.common.jobs.recipe_file import recipe_of, toml_in
from filterfleet.studio.values import Pictures, from_page
from filterfleet.worker.filters import check_filter

OPTIONS = ("effort", *KEYS)  # what stands in the options of an output
_TOP = ("metadata", "damaged", "auto_orient")


class Asked:
    """A recipe as the page sends it, and which of its outputs is looked at:

    {"outputs": [{"name": NAME, "steps": [{"filter": NAME, "values": {NAME: VALUE}}], "encoding": NAME,
      "quality": NUMBER, "options": TOML}], "metadata": NAME, "damaged": NAME, "auto_orient": BOOLEAN, "shown": NUMBER}

    A VALUE is what studio.values makes of values. options has the lines of all other options of an output. Whatever an
    output or the whole leaves out is as recipes have it by default.
    """

    def __init__(self, raw: Mapping[Any, Any]) -> None:
        """Raises RecipeError, with every problem."""
        self.pictures = Pictures()
        found = {key: raw[key] for key in _TOP if key in raw}
        made = recipe_of(found | {"outputs": dict(self._outputs(raw))}, self.pictures.named, check_filter)
        self.recipe = _canonical(made)
        shown = raw.get("shown", 0)
        if type(shown) is not int or not 0 <= shown < len(made.outputs):
            raise RecipeError("The recipe has no output of this number.")
        self.shown: Output = self.recipe.outputs[shown]

    def _outputs(self, raw: Mapping[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        outputs = raw.get("outputs")
        if not isinstance(outputs, list):
            raise RecipeError("A recipe is a list of outputs.")
        names: set[str] = set()
        for each in outputs:
            match each:
                case {"name": str(name), "steps": list(steps), **rest}:
                    pass
                case _:
                    raise RecipeError("An output is a name with a list of steps.")
            where = f"Output {name[:64]!r}"
            if name in names:
                raise RecipeError(f"{where}: Another output has this name as well. Give one of them another name.")
            names.add(name)
            given: dict[str, Any] = {key: rest[key] for key in ("encoding", "quality") if key in rest}
            built = [self._step(f"{where}, step {number}", step) for number, step in enumerate(steps, 1)]
            yield name, {**_options(where, rest.get("options", "")), **given, "steps": built}

    def _step(self, where: str, raw: Any) -> dict[str, Any]:
        match raw:
            case {"filter": str(name), "values": dict(values)}:
                given = {str(key): from_page(f"{where}, {key}", value, self.pictures) for key, value in values.items()}
                return {**given, "filter": name}
        raise RecipeError(f"{where} is no filter with its values.")


def _options(where: str, text: Any) -> dict[str, Any]:
    if not isinstance(text, str):
        raise RecipeError(f"{where}: Its options are a text.")
    try:
        found = toml_in(text.encode())
    except RecipeError as error:
        raise RecipeError(*(f"{where}, more options: {problem}" for problem in error.problems)) from None
    for name in ("steps", "encoding", "quality"):
        if name in found:
            raise RecipeError(f"{where}: More options cannot say {name}, which has a place of its own.")
    return found


def _canonical(recipe: Recipe) -> Recipe:
    """The recipe as it comes out of a message, in which everything is bounded. Raises RecipeError."""
    return Recipe.from_bytes(recipe.to_bytes())
