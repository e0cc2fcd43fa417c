"""The memory that there is: a container's, a job's or a service's limit counts."""

import psutil
import pytest

from recovery_research.host_memory import available_memory

GB = 2**30
V2 = "30 23 0:26 {shown} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw"
V1 = "35 31 0:32 {shown} /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory"
NAMES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def lay_groups(root, version, own, groups, shown="/"):
    """Lay the files of a system; `groups` has limit, use and idle by folder."""
    (root / "proc/self").mkdir(parents=True)
    line = f"0::{own}" if version == 2 else f"9:pids:/\n4:cpu,memory:{own}\n0::/"
    (root / "proc/self/cgroup").write_text(line + "\n")
    mount = (V2 if version == 2 else V1).format(shown=shown)
    (root / "proc/self/mountinfo").write_text(
        f"22 1 8:1 / / rw - ext4 /dev/x rw\n{mount}\n"
    )
    top = root / ("sys/fs/cgroup" if version == 2 else "sys/fs/cgroup/memory")
    top.mkdir(parents=True)
    limit_file, used_file, idle_name = NAMES[version]
    for folder, (limit, used, idle) in groups.items():
        here = top / folder.lstrip("/")
        here.mkdir(parents=True, exist_ok=True)
        (here / limit_file).write_text(f"{limit}\n")
        (here / used_file).write_text(f"{used}\n")
        (here / "memory.stat").write_text(f"anon 1\n{idle_name} {idle}\nfile 7\n")


@pytest.fixture(autouse=True)
def _much(monkeypatch):
    there = psutil.virtual_memory()._replace(available=64 * GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: there)


NO_LIMIT = {1: 9223372036854771712, 2: "max"}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("own", "groups", "expected"),
    [
        # A container sees its own group as the top.
        ("/", {"/": (8 * GB, 3 * GB, 1 * GB)}, 6 * GB),
        ("/", {"/": (8 * GB, 9 * GB, 0)}, 0),
        # A service, a job: its limit, or that of a group around it, the smallest.
        ("/a/b", {"/a/b": (4 * GB, 1 * GB, 0), "/a": (9 * GB, 8 * GB, 0)}, 1 * GB),
        ("/a/b", {"/a/b": (None, 1 * GB, 0), "/a": (9 * GB, 2 * GB, 0)}, 7 * GB),
        ("/a/b", {"/a/b": (None, 1, 0), "/a": (None, 2, 0)}, 64 * GB),
        # What is kept of files is given up when it is wanted, and no more than is used.
        ("/a", {"/a": (4 * GB, 3 * GB, 3 * GB)}, 4 * GB),
        ("/a", {"/a": (4 * GB, 3 * GB, 9 * GB)}, 4 * GB),
        # Another's group is none of ours.
        ("/a", {"/a": (None, 1, 0), "/b": (1 * GB, 1 * GB, 0)}, 64 * GB),
        ("/a", {"/a": ("odd", 1, 0)}, 64 * GB),
    ],
)
def test_the_smallest_limit_around_a_process_counts(
    tmp_path, version, own, groups, expected
):
    filled = {
        folder: (NO_LIMIT[version] if limit is None else limit, used, idle)
        for folder, (limit, used, idle) in groups.items()
    }
    lay_groups(tmp_path, version, own, filled)
    assert available_memory(tmp_path) == expected


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_that_sees_the_hosts_path_finds_its_group(tmp_path, version):
    own = "/docker/abc"
    lay_groups(tmp_path, version, own, {"/": (2 * GB, 1 * GB, 0)}, shown=own)
    assert available_memory(tmp_path) == 1 * GB


def test_without_groups_the_machine_counts(tmp_path):
    assert available_memory(tmp_path) == 64 * GB
    assert available_memory() <= 64 * GB
