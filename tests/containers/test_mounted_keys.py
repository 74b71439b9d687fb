"""Keys as Kubernetes mounts them, in the volume of broker.yaml: a broker that is not root takes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from filterfleet.common.keys.folders import Role
from filterfleet.common.keys.making import add_machine, make_broker_folder
from tests.containers.engines import CONTAINERS, UID

# What docs/kubernetes.md gives the secret and the map by hand.
SECRET = {name: name for name in ("broker.key", "broker.key_secret", "client.key_secret")}
MAP = {"workers": "workers/workers.key", "clients": "clients/listener.key", "local": "clients/local.key"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0, reason="needs root: the files belong to root, and the broker is another user"
    ),
]


def mount(keys: Path, folder: Path) -> None:
    """The projected volume of the broker's pod as the kubelet makes it: real files in a folder of their own, links to
    them through ..data, everything of root, and readable for the fsGroup."""
    broker = next(iter(yaml.safe_load_all((CONTAINERS / "kubernetes/broker.yaml").read_text())))
    (volume,) = [each for each in broker["spec"]["template"]["spec"]["volumes"] if each["name"] == "keys"]
    real = folder / "..2026_11_28"
    places = dict(SECRET)
    for source in volume["projected"]["sources"]:
        for item in source.get("configMap", {}).get("items", ()):
            places[MAP[item["key"]]] = item["path"]
    for name, place in places.items():
        (real / place).parent.mkdir(parents=True, exist_ok=True)
        (real / place).write_bytes((keys / name).read_bytes())
        (real / place).chmod(volume["projected"]["defaultMode"] | 0o040)
    (folder / "..data").symlink_to(real.name)
    for name in {Path(place).parts[0] for place in places.values()}:
        (folder / name).symlink_to(f"..data/{name}")
    for path in (folder, *folder.rglob("*")):
        os.lchown(path, 0, UID)
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o2755)
    folder.chmod(0o3777)


def test_a_broker_of_the_pod_s_user_takes_the_keys(tmp_path: Path) -> None:
    keys, mounted = tmp_path / "made", tmp_path / "mounted"
    make_broker_folder(keys)
    add_machine(keys, Role.WORKER, "workers")
    add_machine(keys, Role.CLIENT, "listener")
    mounted.mkdir()
    mount(keys, mounted)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(folder.stat().st_mode | 0o011)
    assert "it lets in 1 worker and 2 clients." in told(mounted)
    (mounted / "..data/broker.key_secret").chmod(0o444)
    assert "problem The secret key" in told(mounted)


def told(keys: Path) -> str:
    """What the doctor says as that user. The interpreter may be where only root can read: it loads everything first."""
    program = (
        "import os, sys; from pathlib import Path; from filterfleet.doctor.keys import check_keys;"
        f"os.setgroups([]); os.setgid({UID}); os.setuid({UID});"
        "[print(one.level, one.says) for one in check_keys(Path(sys.argv[1]))]"
    )
    argv = [sys.executable, "-P", "-c", program, str(keys)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
