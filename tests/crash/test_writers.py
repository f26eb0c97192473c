"""Many processes log runs into one database while others read it: nothing lost, nothing doubled, no reader fails.

A few writers in every test run; PROMPTAD_WRITERS=32 and PROMPTAD_RUNS_EACH=50 make it many.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from disturbed import FORKED, finished

from promptad_db import open_db, run_folder, start_run

WRITERS = int(os.environ.get("PROMPTAD_WRITERS", "6"))
RUNS_EACH = int(os.environ.get("PROMPTAD_RUNS_EACH", "5"))
READERS = 2
PATIENCE = "300"


def seeds_of(writer):
    return range(writer * RUNS_EACH, (writer + 1) * RUNS_EACH)


def done_seeds(runs):
    """The seeds of the runs that were finished, one for every run folder."""
    infos = (run_folder.read_run(folder) for folder in run_folder.find_runs(runs))
    return [info.seed for info in infos if info.status == "finished"]


def write(place, seeds):
    """One writer: a run for every seed, logged as a user's own training loop does."""
    os.chdir(place)
    os.environ["PROMPTAD_LOCK_TIMEOUT"] = PATIENCE
    for seed in seeds:
        scores = np.random.default_rng(seed).random((2, 20))
        with start_run(dataset="mvtec", task="cls", k_shot=1, seed=seed, method="m") as run:
            run.log_category(
                "carpet",
                images=[f"{index}.png" for index in range(20)],
                branches=dict(zip(("semantic", "memory"), scores, strict=True)),
                labels=[0, 1] * 10,
            )


def read(place, until):
    """One reader: counts that never fall, and reports, until told to stop; how often goes into a file."""
    os.chdir(place)
    os.environ["PROMPTAD_LOCK_TIMEOUT"] = PATIENCE
    seen = rounds = 0
    while not until.is_set():
        database = open_db()
        count = database.query("SELECT COUNT(*) FROM branch_gap").rows[0][0]
        assert count >= seen
        seen, rounds = count, rounds + 1
    Path(f"rounds-{os.getpid()}").write_text(str(rounds))


def begin(target, *arguments):
    process = FORKED.Process(target=target, args=arguments)
    process.start()
    return process


@pytest.mark.slow
@pytest.mark.parametrize("killing", [False, True], ids=["undisturbed", "a kill every second"])
def test_many_writers_and_readers_lose_and_double_nothing(killing, tmp_path):
    finished("init", place=tmp_path)
    until = FORKED.Event()
    readers = [begin(read, str(tmp_path), until) for _ in range(READERS)]
    writers = {number: begin(write, str(tmp_path), list(seeds_of(number))) for number in range(WRITERS)}
    moments, kills = random.Random(111), 0
    while any(writer.is_alive() for writer in writers.values()):
        time.sleep(1)
        alive = sorted(number for number, writer in writers.items() if writer.is_alive())
        if killing and alive:
            number = moments.choice(alive)
            os.kill(writers[number].pid, signal.SIGKILL)
            writers[number].join()
            kills += 1
            done = set(done_seeds(tmp_path / "runs"))
            writers[number] = begin(write, str(tmp_path), [seed for seed in seeds_of(number) if seed not in done])
    until.set()
    for process in (*readers, *writers.values()):
        process.join(60)
        assert process.exitcode == 0
    if killing:
        finished("ingest", "runs", place=tmp_path)
        assert kills
    every = sorted(done_seeds(tmp_path / "runs"))
    assert every == list(range(WRITERS * RUNS_EACH))
    database = open_db(tmp_path / "promptad.duckdb")
    stored = database.query("SELECT seed FROM runs WHERE status = 'finished' ORDER BY seed").rows
    assert [row[0] for row in stored] == every
    tables = {"branch_gap": 1, "image_scores": 4 * 20, "metrics": 4 * 3}
    for table, rows_each in tables.items():
        of_finished = f"SELECT COUNT(*) FROM {table} JOIN runs USING (run_id) WHERE status = 'finished'"
        if table == "branch_gap":
            of_finished = "SELECT COUNT(DISTINCT seed) FROM branch_gap WHERE gap IS NOT NULL"
        assert database.query(of_finished).rows == [(rows_each * len(every),)], table
    rounds = [int(path.read_text()) for path in tmp_path.glob("rounds-*")]
    assert len(rounds) == READERS
    print(f"{len(every)} runs, {kills} kills, {sum(rounds)} reads")
