"""The one writer: old or new, never half, whatever call fails, whenever the power does."""

import errno
import os
import shutil

import pytest
from failing_disks import PowerCuts, fail_everywhere

from recovery_research.atomic_files import (
    PART,
    clear_parts,
    make_folder,
    making_named,
    making_whole,
    put_in_place,
    write_whole,
)

OLD, NEW = b"old" * 1000, b"new" * 2000


def write_one(folder):
    write_whole(folder / "one", NEW)


def write_another(folder):
    write_whole(folder / "deep" / "er" / "two", NEW, overwrite=False)


def make_one(folder):
    with making_whole(folder / "one") as place, place.open("wb") as file:
        file.write(NEW)


def make_and_write(folder):
    make_folder(folder / "deep" / "er")
    write_another(folder)


def move_folder(folder):
    (folder / "stage" / "in").mkdir(parents=True)
    for name in ("stage/a", "stage/in/b"):
        (folder / name).write_bytes(NEW)
    make_folder(folder / "runs")
    put_in_place(folder / "stage", folder / "runs" / "1")


ACTS = [write_one, make_one, make_and_write, move_folder]
PLACES = {
    write_one: ["one"],
    make_one: ["one"],
    make_and_write: ["deep/er/two"],
    move_folder: ["runs/1/a", "runs/1/in/b"],
}


@pytest.mark.fault(
    event="The disk is full or fails at any one call of a write",
    survives="the file of before, or the new one whole; nothing half, nothing left over",
)
@pytest.mark.parametrize("act", ACTS)
def test_a_fault_at_any_call_leaves_the_old_or_the_new(fresh, act):
    first, copy = fresh
    (first / "one").write_bytes(OLD)
    for disk, folder, said in fail_everywhere(copy, act):
        assert (folder / "one").read_bytes() in (OLD, NEW)
        for place in PLACES[act][:1] if said else PLACES[act]:
            there = (folder / place).exists()
            assert not there or (folder / place).read_bytes() in (OLD, NEW)
            assert there or said, disk.failed
        assert not list(folder.rglob(f"{PART}*"))
        if said is None:
            # A second name that cannot be had is no fault: there is another way.
            assert disk.failed.split(" ")[0] in ("", "link"), (
                f"{disk.failed} was not told"
            )
            assert all((folder / place).read_bytes() == NEW for place in PLACES[act])
        # And again, on a disk that works.
        shutil.rmtree(folder / "stage", ignore_errors=True)
        if not (folder / PLACES[act][-1]).exists():
            act(folder)


@pytest.mark.fault(
    event="The power fails at any moment of a write",
    survives="the file of before, or the new one whole; once it is done, the new one",
)
@pytest.mark.parametrize("act", ACTS)
def test_a_power_cut_at_any_moment_leaves_the_old_or_the_new(fresh, tmp_path, act):
    first, _ = fresh
    (first / "one").write_bytes(OLD)
    cuts = PowerCuts(first)
    with cuts.watched():
        act(first)
        cuts.images.clear()
        cuts._take_images("done")
        done = list(cuts.images)
    assert len(done) == 1, "after the end nothing is open any more"
    assert {dict(done[0])[place] for place in PLACES[act]} == {("file", NEW)}
    shutil.rmtree(first)
    first.mkdir()
    (first / "one").write_bytes(OLD)
    cuts = PowerCuts(first)
    with cuts.watched():
        act(first)
    assert len(cuts.images) > 2
    for image, moment in cuts.images.items():
        for name, (kind, content) in image:
            if kind == "file" and PART not in name and not name.startswith("stage"):
                assert content in (OLD, NEW), f"{moment}: {name}"


def test_what_must_not_be_there_is_not_written_over(tmp_path, monkeypatch):
    write_whole(tmp_path / "x", "mine", overwrite=False)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "x", "yours", overwrite=False)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]

    def refuse(*_):
        raise PermissionError(errno.EPERM, "no second names here")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "x", "yours", overwrite=False)
    write_whole(tmp_path / "y", "yours", overwrite=False)
    assert [(tmp_path / n).read_text() for n in "xy"] == ["mine", "yours"]


def test_what_a_user_names_may_be_a_link_or_no_file(tmp_path):
    (tmp_path / "there").write_text("before")
    (tmp_path / "link").symlink_to("there")
    for name in ("link", "new", "there"):
        with making_named(tmp_path / name) as place:
            place.write_text(name)
        assert (tmp_path / name).read_text() == name
    assert (tmp_path / "link").is_symlink()
    with making_named(tmp_path / "/dev/null") as place:
        place.write_text("nothing")
    # Our own writes never follow a link that somebody has laid there.
    write_whole(tmp_path / "link", "ours")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text() == "there"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_a_system_that_cannot_sync_is_written_to_all_the_same(
    tmp_path, monkeypatch, number
):
    def refuse(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    assert write_whole(tmp_path / "x", "text").read_text() == "text"


def test_what_killed_writers_have_left_is_cleared_in_time(tmp_path):
    for name in (f"{PART}old", f"{PART}young", "kept"):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (1000.0, 2000.0 if name.endswith("young") else 100.0))
    clear_parts(tmp_path, older_than=1500.0)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{PART}young", "kept"]
