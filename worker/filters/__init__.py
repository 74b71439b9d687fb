"""The filters a recipe can name. Each is a pure function on an array; its module registers it."""

from worker.filters import basic
from worker.filters.registry import Filter, Image, bind, check_recipe, names

__all__ = ["Filter", "Image", "basic", "bind", "check_recipe", "names"]
