"""What control groups of both versions let a process have, in trees of files as kernels show them."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from filterfleet.common.process.cgroups import Limits, limits

V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = (
    "31 30 0:27 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 30 0:28 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
)
IN_V1 = "5:memory:{path}\n4:cpu,cpuacct:{path}\n1:name=systemd:{path}\n"
UNLIMITED = "9223372036854771712\n"
GIB = 1 << 30


class Machine:
    """A folder with the files of /proc and /sys that say what a process may have."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, cgroup: str, mountinfo: str) -> "Machine":
        self.write("proc/self/cgroup", cgroup)
        self.write("proc/self/mountinfo", "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n" + mountinfo)
        return self

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def group(self, place: str, **files: str) -> "Machine":
        for name, text in files.items():
            self.write(f"sys/fs/cgroup/{place}/{name.replace('__', '.', 1)}", text)
        return self

    @property
    def limits(self) -> Limits:
        return limits(self.folder)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_group_of_version_2(machine: Machine) -> None:
    machine.has("0::/a\n", V2).group("a", memory__max=f"{GIB}\n", cpu__max="50000 100000\n")
    assert machine.limits == Limits(GIB, 0.5)


def test_max_is_no_limit(machine: Machine) -> None:
    machine.has("0::/a\n", V2).group("a", memory__max="max\n", memory__high="max\n", cpu__max="max 100000\n")
    assert machine.limits == Limits(math.inf, math.inf)


def test_the_least_limit_on_the_way_up_holds(machine: Machine) -> None:
    machine.has("0::/pod/container\n", V2)
    machine.group("pod/container", memory__max=f"{4 * GIB}\n", cpu__max="max 100000\n")
    machine.group("pod", memory__max=f"{2 * GIB}\n", cpu__max="150000 100000\n")
    machine.group(".", memory__max="max\n")
    machine.group("other", memory__max="1\n", cpu__max="1 100000\n")
    assert machine.limits == Limits(2 * GIB, 1.5)


def test_memory_above_which_a_group_is_slowed_down_is_a_limit(machine: Machine) -> None:
    machine.has("0::/a\n", V2).group("a", memory__max=f"{2 * GIB}\n", memory__high=f"{GIB}\n")
    assert machine.limits.memory == GIB


def test_a_container_with_a_namespace_sees_its_group_at_the_top(machine: Machine) -> None:
    machine.has("0::/\n", V2).group(".", memory__max=f"{GIB}\n", cpu__max="100000 100000\n")
    assert machine.limits == Limits(GIB, 1.0)


def test_a_group_outside_of_the_namespace_counts_as_the_top(machine: Machine) -> None:
    machine.has("0::/../other\n", V2).group(".", memory__max=f"{GIB}\n")
    assert machine.limits.memory == GIB


@pytest.mark.parametrize("path", ["/", "/below"])
def test_a_namespace_with_the_mount_of_its_host(machine: Machine, path: str) -> None:
    """As Linux 6.1 shows it to a process of the group outer/bare that unshared its namespace, in which /sys/fs/cgroup
    is still the host's: `docker run --cgroupns=private --volume /sys/fs/cgroup:/sys/fs/cgroup`."""
    none = {"memory__max": "max\n", "memory__high": "max\n", "cpu__max": "max 100000\n"}
    machine.has(f"0::{path}\n", "38 37 0:28 /../.. /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n")
    machine.group(".", cgroup__procs="1\n")
    machine.group("outer", **none, cgroup__procs="")
    machine.group("outer/inner", memory__max="4096\n", cpu__max="1000 100000\n", cgroup__procs=f"{os.getpid() + 1}\n")
    machine.group(f"outer/inner{path}", cgroup__procs="")
    machine.group("outer/bare", memory__max=f"{GIB}\n", memory__high="max\n", cpu__max="100000 100000\n")
    machine.group(f"outer/bare{path}", cgroup__procs=f"1\n{os.getpid()}\n")
    assert machine.limits == Limits(GIB, 1.0)


def test_a_mount_from_outside_of_the_namespace_that_does_not_show_our_group(machine: Machine) -> None:
    machine.has("0::/\n", "38 37 0:28 /../other /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n")
    machine.group(".", memory__max=f"{GIB}\n").group("a/b", memory__max="4096\n", cgroup__procs="1\n")
    assert machine.limits == Limits(GIB)


@pytest.mark.parametrize(
    ("root", "path", "place"),
    [("/", "/docker/1f", "docker/1f"), ("/docker/1f", "/docker/1f", "."), ("/", "/", "."), ("/x", "/y", ".")],
    ids=["on the host", "in a container", "in a namespace", "in neither"],
)
def test_a_group_of_version_1(machine: Machine, root: str, path: str, place: str) -> None:
    machine.has(IN_V1.format(path=path), V1.format(root=root))
    machine.group(f"memory/{place}", memory__limit_in_bytes=f"{GIB}\n")
    machine.group(f"cpu,cpuacct/{place}", cpu__cfs_quota_us="250000\n", cpu__cfs_period_us="100000\n")
    assert machine.limits == Limits(GIB, 2.5)


def test_version_1_says_no_limit_with_numbers(machine: Machine) -> None:
    machine.has(IN_V1.format(path="/a"), V1.format(root="/"))
    machine.group("memory/a", memory__limit_in_bytes=UNLIMITED)
    machine.group("cpu,cpuacct/a", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    assert machine.limits == Limits()


def test_version_1_knows_limits_above_what_a_container_sees(machine: Machine) -> None:
    machine.has(IN_V1.format(path="/docker/1f"), V1.format(root="/docker/1f"))
    stat = f"cache 4096\nhierarchical_memory_limit {GIB}\nhierarchical_memsw_limit {UNLIMITED}"
    machine.group("memory", memory__limit_in_bytes=UNLIMITED, memory__stat=stat)
    assert machine.limits.memory == GIB


def test_limits_of_both_versions_hold_side_by_side(machine: Machine) -> None:
    hybrid = V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
    machine.has(IN_V1.format(path="/a") + "0::/a\n", V1.format(root="/") + hybrid)
    machine.group("memory/a", memory__limit_in_bytes=f"{GIB}\n")
    machine.group("unified/a", cpu__max="100000 100000\n")
    assert machine.limits == Limits(GIB, 1.0)


def test_a_mount_may_have_a_blank_in_its_name(machine: Machine) -> None:
    machine.has("0::/\n", V2.replace("/sys/fs/cgroup", r"/sys/fs/cgroup/my\040groups"))
    machine.group("my groups", memory__max=f"{GIB}\n")
    assert machine.limits.memory == GIB


@pytest.mark.parametrize(
    ("cgroup", "mountinfo"),
    [("", ""), ("0::/a\n", ""), ("0::/gone\n", V2), ("0::/a\n", "garbage\n - cgroup2\n")],
)
def test_what_is_not_there_limits_nothing(machine: Machine, cgroup: str, mountinfo: str) -> None:
    assert machine.has(cgroup, mountinfo).limits == Limits()


@pytest.mark.parametrize("text", ["", "many\n", "-5\n", "0\n", "100000\n", "100000 0\n", "0 100000\n"])
def test_nonsense_limits_nothing(machine: Machine, text: str) -> None:
    machine.has("0::/a\n", V2).group("a", cpu__max=text, memory__max=text.partition(" ")[0] if "1" not in text else "")
    assert machine.limits == Limits()


def test_a_system_without_control_groups_limits_nothing(tmp_path: Path) -> None:
    assert limits(tmp_path) == Limits()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_processors_of_a_cpuset_are_in_the_affinity() -> None:
    """The kernel gives a process of a cpuset that affinity; here the process gives it to itself."""
    program = (
        "import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1]);"
        "from filterfleet.common.process.system import cores; print(cores())"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "1\n"
