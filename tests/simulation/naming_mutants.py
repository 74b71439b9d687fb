"""Bugs planted where recipes mention the names of files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType
from typing import Any

from msgspec import structs

from filterfleet.common.client import submissions
from filterfleet.common.jobs.job import Job
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.listener.core import desk
from filterfleet.listener.ledger.ledger import Ledger
from tests.simulation.naming import SOURCED

Patch = tuple[type | ModuleType, str, Any]


def _content_alone(content: bytes, recipe: Recipe) -> bytes:
    """Files of one content share a job, whatever is written onto them."""
    return content + replace(recipe, source=()).digest


def _any_of_the_content(self: Ledger, job: bytes) -> Any:
    """Outputs are copied from any file with the same content."""
    row = self._db.execute(
        "SELECT job FROM results JOIN objects USING (source, path, size, mtime_ns, tag, recipe) "
        "WHERE state = 'done' AND substr(job, 1, 32) = ? ORDER BY job LIMIT 1",
        (job[:16].hex(),),
    ).fetchone()
    return _original_same_job(self, bytes.fromhex(row[0]) if row else job)


_original_same_job = Ledger.same_job


def _recipe_of_the_first(jobs: Iterable[Job]) -> Any:
    """Jobs that travel together have the recipe of the first of them."""
    together = list(jobs)
    return _original_in_columns([structs.replace(job, recipe=together[0].recipe) for job in together])


_original_in_columns = submissions.in_columns


def _no_ability(self: Recipe) -> frozenset[str]:
    """Workers get recipes with names whether they know them or not."""
    needs: frozenset[str] = _original_needs.__get__(self)
    return needs - {SOURCED}


_original_needs = Recipe.__dict__["needs"]


NAMING_MUTANTS: dict[str, tuple[Patch, ...]] = {
    "outputs of another name": ((desk, "job_id", _content_alone),),
    "copied from another name": ((Ledger, "same_job", _any_of_the_content),),
    "recipe of the first": ((submissions, "in_columns", _recipe_of_the_first),),
    "names for everybody": ((Recipe, "needs", property(_no_ability)),),
}
