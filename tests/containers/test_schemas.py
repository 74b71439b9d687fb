"""The manifests for Kubernetes and the schemas of its API, of several versions. No cluster takes part."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from tests.containers.engines import CONTAINERS

validator = pytest.importorskip("kubernetes_validate", reason="needs the package kubernetes-validate")

OLDEST, NEWEST = 27, 33  # minor versions of Kubernetes
MANIFESTS = [path for path in (CONTAINERS / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"]
OBJECTS: list[dict[str, Any]] = [made for path in MANIFESTS for made in yaml.safe_load_all(path.read_text())]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("minor", range(OLDEST, NEWEST + 1))
def test_every_object_is_one_that_the_api_knows(minor: int) -> None:
    assert OBJECTS
    for made in OBJECTS:
        validator.validate(made, f"1.{minor}", strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    wrong = copy.deepcopy(next(made for made in OBJECTS if made["kind"] == "Deployment"))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(validator.ValidationError, match="livenesProbe"):
        validator.validate(wrong, f"1.{NEWEST}", strict=True)
