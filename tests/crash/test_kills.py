"""kill -9 at any moment of a command: the next command repairs, and ends where an undisturbed one does.

A few kills a command in every test run; PROMPTAD_KILLS=100 makes it a hundred each, PROMPTAD_KILL_SEED chooses the
moments.
"""

from __future__ import annotations

import os
import random
import shutil
import time

import pytest
from disturbed import SCENARIOS, facts, finished, kill_after, opens_or_explains

KILLS = int(os.environ.get("PROMPTAD_KILLS", "4"))
TWICE = 0.3  # so many of the killed are killed again on the way back
SEED = int(os.environ.get("PROMPTAD_KILL_SEED", "111"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_command_killed_at_any_moment_loses_nothing(name, tmp_path):
    scenario = SCENARIOS[name]
    place, kept = tmp_path / "place", tmp_path / "kept"
    place.mkdir()
    scenario.prepare(place)
    shutil.copytree(place, kept)
    finished("--version", place=place)  # the first process waits for the imports of all
    began = time.monotonic()
    finished(*scenario.command, place=place)
    duration = time.monotonic() - began
    expected = facts(place)
    moments = random.Random(f"{SEED} {name}")
    kills = attempts = 0
    while kills < KILLS:
        attempts += 1
        assert attempts <= 3 * KILLS, "the command ends before it can be killed"
        shutil.rmtree(place)
        shutil.copytree(kept, place)
        moment = moments.uniform(0, duration)
        killed = kill_after(moment, *scenario.command, place=place)
        if killed and moments.random() < TWICE:
            killed += kill_after(moments.uniform(0, duration), *scenario.again, place=place)
        opens_or_explains(place)
        finished(*scenario.again, place=place)
        assert facts(place) == expected, f"killed after {moment:.3f} of {duration:.3f} s, attempt {attempts}"
        kills += killed
    print(f"{name}: {kills} kills in {attempts} attempts, seed {SEED}")
