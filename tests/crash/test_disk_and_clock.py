"""A full disk, a place that cannot be written, and a clock that jumps: said in a line, mended by the same command later."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess

import pytest
from disturbed import SCENARIOS, answered, facts, finished

PLENTY = "size=200m"
FULL_PLACES = 3


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own in memory; ``resize`` changes its options while it is in use."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", PLENTY, "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("only root may mount a file system")

    def resize(options):
        subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)

    yield place, resize
    subprocess.run(["umount", "-l", place], check=True)


def size_of(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_full_disk_is_explained_and_the_same_command_goes_on_when_there_is_room(name, small_disk):
    scenario, (disk, resize) = SCENARIOS[name], small_disk
    place, kept = disk / "place", disk / "kept"
    place.mkdir()
    scenario.prepare(place)
    before = size_of(place)
    shutil.copytree(place, kept)
    finished(*scenario.command, place=place)
    expected, after = facts(place), size_of(place)
    amounts = random.Random(name)
    for _ in range(FULL_PLACES):
        shutil.rmtree(place)
        shutil.copytree(kept, place)
        used = os.statvfs(disk)
        taken = (used.f_blocks - used.f_bfree) * used.f_frsize
        resize(f"size={taken + int(amounts.uniform(0.05, 0.8) * (after - before))}")
        code, said = answered(*scenario.command, place=place, words=disk.parent / "said")
        resize(PLENTY)
        assert "Traceback" not in said
        assert "this is a bug" not in said
        # DuckDB ends the process where a checkpoint finds no room: as good as a kill, and mended by the next command.
        assert code in (0, 3, 4, -signal.SIGABRT), said
        assert code <= 0 or "space" in said or "room" in said or "ingest" in said, said
        finished(*(scenario.again if code else scenario.command), place=place)
        assert facts(place) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_place_that_cannot_be_written_is_explained_and_stays_as_it_is(name, small_disk):
    scenario, (disk, resize) = SCENARIOS[name], small_disk
    scenario.prepare(disk)
    resize("ro")
    code, said = answered(*scenario.command, place=disk, words=disk.parent / "said")
    assert code in (3, 4), said
    assert "Traceback" not in said
    assert "this is a bug" not in said
    resize("rw")
    finished(*scenario.command, place=disk)


@pytest.mark.slow
@pytest.mark.parametrize("years", [-30, 30])
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_clock_that_jumped_loses_and_doubles_nothing(name, years, tmp_path):
    scenario = SCENARIOS[name]
    places = [tmp_path / "usual", tmp_path / "jumped"]
    for place in places:
        place.mkdir()
        scenario.prepare(place)
    finished(*scenario.command, place=places[0])
    code, said = answered(*scenario.command, place=places[1], words=tmp_path / "said", years=years)
    assert code == 0, said
    finished(*scenario.again, place=places[1])
    assert facts(places[1]) == facts(places[0])
