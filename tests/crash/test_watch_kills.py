"""kill -9 of a watcher at any moment, while runs are written: the next watcher goes on, everything is there exactly once.

A few kills in every test run; PROMPTAD_KILLS=100 makes it a hundred, PROMPTAD_KILL_SEED chooses the moments.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
from disturbed import FORKED, begun, finished, logged

from promptad_db import open_db, run_folder

KILLS = int(os.environ.get("PROMPTAD_KILLS", "4"))
SEED = int(os.environ.get("PROMPTAD_KILL_SEED", "111"))
CATEGORIES = ("carpet", "grid", "tile")
WATCH = ("ingest", "share", "--watch", "--interval", "1")


def write(place, until):
    """Runs with their own categories, one after another, until told to stop."""
    number = 0
    while not until.is_set():
        logged(place / "share" / f"batch-{number % 3}", CATEGORIES, 1, experiment=f"e{number}")
        number += 1


def cells(share):
    """Every finished cell on disk."""
    folders = list(run_folder.walk_runs(share))
    return sorted((folder.name, category) for folder in folders for category in run_folder.list_categories(folder))


@pytest.mark.slow
def test_a_watcher_killed_at_any_moment_loses_and_doubles_nothing(tmp_path):
    share, moments = tmp_path / "share", random.Random(f"{SEED} watch")
    share.mkdir()
    finished("--version", place=tmp_path)  # the first process waits for the imports of all
    until = FORKED.Event()
    writer = FORKED.Process(target=write, args=(tmp_path, until))
    writer.start()
    for number in range(KILLS):
        watcher = begun(*WATCH, place=tmp_path, words=tmp_path / f"said-{number}")
        watcher.join(moments.uniform(0, 4))
        assert watcher.exitcode is None, (tmp_path / f"said-{number}").read_text()
        os.kill(watcher.pid, signal.SIGKILL)
        watcher.join()
    until.set()
    writer.join(60)
    watcher = begun(*WATCH, place=tmp_path, words=tmp_path / "said")
    expected, found = cells(share), []
    end = time.monotonic() + 60
    while found != expected and time.monotonic() < end:
        time.sleep(0.2)
        if (tmp_path / "promptad.duckdb").exists():
            found = (
                open_db(tmp_path / "promptad.duckdb")
                .query("SELECT run_id, category FROM run_categories ORDER BY ALL")
                .rows
            )
    assert found == expected
    watcher.terminate()
    watcher.join(30)
    said = (tmp_path / "said").read_text()
    assert (watcher.exitcode, "rejected" in said) == (0, False), said
    database = open_db(tmp_path / "promptad.duckdb")
    for table, rows_each in {"images": 8, "image_scores": 4 * 8}.items():
        counts = f"SELECT COUNT(*), COUNT(DISTINCT (run_id, category, image)) FROM {table}"
        assert database.query(counts).rows == [(rows_each * len(expected), 8 * len(expected))], table
    assert database.query("SELECT DISTINCT status FROM runs").rows == [("finished",)]
    runs = {run_id for run_id, _ in expected}
    assert sorted(database.query("SELECT run_id FROM runs").rows) == sorted((run_id,) for run_id in runs)
    print(f"{KILLS} kills, {len(expected)} cells, seed {SEED}")
