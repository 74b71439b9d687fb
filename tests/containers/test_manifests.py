"""What compose.yaml and the manifests for Kubernetes say, without an engine or a cluster."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from filterfleet.broker.core import BrokerCore
from filterfleet.broker.metrics import broker_families
from filterfleet.broker.settings import Settings
from filterfleet.commands.config_tables import COMMANDS
from filterfleet.common.config.file import File
from filterfleet.common.config.option import known_variables
from filterfleet.common.config.resolve import resolve
from filterfleet.common.config.setting import settings_of
from tests.containers.engines import CONTAINERS, UID
from tests.unit.command_lines import parse

KUBERNETES = CONTAINERS / "kubernetes"
DAEMONS = {"broker", "worker", "listener", "dashboard"}


def compose() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())
    return made


@pytest.fixture(scope="module")
def objects() -> dict[tuple[str, str], Any]:
    """What kustomization.yaml names, by kind and name."""
    files = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert {KUBERNETES / name for name in [*files, "kustomization.yaml"]} == set(KUBERNETES.iterdir())
    every = [each for name in files for each in yaml.safe_load_all((KUBERNETES / name).read_text())]
    return {(each["kind"], each["metadata"]["name"]): each for each in every}


def pods(objects: dict[tuple[str, str], Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, pod and container of each Deployment."""
    for (kind, name), made in objects.items():
        if kind == "Deployment":
            pod = made["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield name, pod, container


# --- compose.yaml ----


def test_every_role_of_the_stack_is_a_command_with_settings_that_exist() -> None:
    services = compose()["services"]
    assert services.keys() == DAEMONS | {"keys"}
    for name in DAEMONS:
        assert services[name]["command"] == [name]
        given = {key: str(value) for key, value in services[name]["environment"].items() if key != "HEALTH"}
        known = known_variables(name, tuple(settings_of(COMMANDS[name])))
        assert given.keys() <= set(known), name
        resolved = resolve(name, settings_of(COMMANDS[name]), File(), given)
        assert (len(resolved.found), list(resolved.mistakes)) == (len(given), []), name


def test_every_role_of_the_stack_is_confined_and_limited() -> None:
    for name, service in compose()["services"].items():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name in DAEMONS:
            assert service["mem_limit"], name
            assert service["pids_limit"] > 0, name
            assert service["restart"] == "unless-stopped", name


def test_health_is_asked_as_the_command_is_called() -> None:
    services = compose()["services"]
    for name in DAEMONS - {"dashboard"}:
        options = services[name]["environment"]["HEALTH"].split()
        assert options[:2] == ["--role", name]
        parse(["health", *options])
    dockerfile = (CONTAINERS / "Dockerfile").read_text()
    assert re.search(r"^HEALTHCHECK .* CMD exec filterfleet health \$HEALTH$", dockerfile, re.MULTILINE)


def test_only_the_broker_has_the_broker_s_secret_and_nothing_but_the_page_is_published() -> None:
    services = compose()["services"]
    holders = {name for name, each in services.items() if any("broker-keys" in volume for volume in each["volumes"])}
    assert holders == {"keys", "broker"}
    published = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert published == {"dashboard": ["127.0.0.1:${DASHBOARD_PORT:-8765}:8765"]}


def test_the_image_runs_as_nobody_in_particular() -> None:
    dockerfile = (CONTAINERS / "Dockerfile").read_text()
    assert f"ARG UID={UID}" in dockerfile
    assert dockerfile.rindex("USER ${UID}") > dockerfile.rindex("RUN ")
    assert compose()["services"]["keys"]["build"]["args"]["UID"] == f"${{IMAGE_UID:-{UID}}}"


def test_the_build_gets_what_the_wheel_is_made_of_and_nothing_else() -> None:
    allowed = {
        line[1:] for line in Path(CONTAINERS.parent, ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    roles = {"bench", "broker", "common", "listener", "worker"}
    locks = {"requirements/build.txt", "requirements/run.txt"}
    assert allowed == {"pyproject.toml", "README.md", "LICENSE", "filterfleet", "systemd"} | roles | locks


# --- Kubernetes ----


def test_every_pod_passes_the_restricted_standard(objects: dict[tuple[str, str], Any]) -> None:
    found = set()
    for name, pod, container in pods(objects):
        found.add(name)
        assert pod["automountServiceAccountToken"] is False
        user = pod["securityContext"]
        assert (user["runAsNonRoot"], user["runAsUser"], user["fsGroup"]) == (True, UID, UID), name
        assert user["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"], name
    assert found == DAEMONS


def test_every_command_and_every_probe_of_a_pod_exists(objects: dict[tuple[str, str], Any]) -> None:
    for name, _, container in pods(objects):
        assert container["args"][0] == name
        parse(container["args"])
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            command = container.get(probe, {}).get("exec", {}).get("command", [])
            if command[:1] == ["filterfleet"]:
                assert command[1:4] == ["health", "--role", name]
                parse(command[1:])
        assert container["startupProbe"]["exec"]["command"]


def test_what_is_mounted_exists(objects: dict[tuple[str, str], Any]) -> None:
    page = (CONTAINERS.parent / "docs/kubernetes.md").read_text()
    made_by_hand = re.findall(r"create (secret generic|configmap) (\S+)", page)
    secrets = {name for kind, name in made_by_hand if kind != "configmap"}
    maps = {name for kind, name in made_by_hand if kind == "configmap"}
    for name, pod, container in pods(objects):
        volumes = {each["name"]: each for each in pod["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} == volumes.keys(), name
        for volume in volumes.values():
            for source in volume.get("projected", {}).get("sources", [volume]):
                if "secret" in source:
                    assert source["secret"].get("secretName", source["secret"].get("name")) in secrets
                if "configMap" in source:
                    assert source["configMap"]["name"] in maps
            claim = volume.get("persistentVolumeClaim", {}).get("claimName", "images")
            assert claim == "images" or ("PersistentVolumeClaim", claim) in objects


def test_the_keys_of_a_pod_are_where_its_command_looks(objects: dict[tuple[str, str], Any]) -> None:
    for name, pod, container in pods(objects):
        words = " ".join(container["args"]).replace("=", " ").split()
        (place,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "keys"]
        assert words[words.index("--keys") + 1] == place, name
        (keys,) = [each for each in pod["volumes"] if each["name"] == "keys"]
        assert (keys.get("secret") or keys["projected"])["defaultMode"] == 0o400, name


def test_a_worker_has_more_time_to_end_than_it_takes_to_drain(objects: dict[tuple[str, str], Any]) -> None:
    (pod, container), *_ = [(pod, container) for name, pod, container in pods(objects) if name == "worker"]
    limit = container["args"][container["args"].index("--drain-limit") + 1]
    assert pod["terminationGracePeriodSeconds"] > int(limit) + 10


def test_the_service_reaches_the_broker_s_ports(objects: dict[tuple[str, str], Any]) -> None:
    service = objects["Service", "broker"]["spec"]
    template = objects["Deployment", "broker"]["spec"]["template"]
    assert service["selector"].items() <= template["metadata"]["labels"].items()
    ports = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
    assert {each["port"]: ports[each["targetPort"]] for each in service["ports"]} == {5555: 5555, 5556: 5556}


def test_the_autoscaler_looks_at_a_metric_that_the_broker_has(objects: dict[tuple[str, str], Any]) -> None:
    scaler = objects["HorizontalPodAutoscaler", "worker"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == "worker"
    assert "replicas" not in objects["Deployment", "worker"]["spec"], "or each `kubectl apply` would undo its work"
    metric = scaler["metrics"][0]["external"]["metric"]["name"]
    report = BrokerCore(Settings(), random.Random(0), 0.0).report(0.0)
    assert metric in {family.name for family in broker_families(report, 0)}
    assert f"seriesQuery: {metric}" in (CONTAINERS.parent / "docs/kubernetes.md").read_text()


def test_kustomize_takes_the_manifests(objects: dict[tuple[str, str], Any]) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    done = subprocess.run(["kubectl", "kustomize", KUBERNETES], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    every = list(yaml.safe_load_all(done.stdout))
    assert {(each["kind"], each["metadata"]["name"]) for each in every} == objects.keys()
    assert {each["metadata"]["namespace"] for each in every} == {"filterfleet"}
