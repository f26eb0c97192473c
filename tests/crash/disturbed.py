"""The commands that are disturbed: what each needs, how it is called in a process of its own, and what must be true after.

The processes are forked with everything imported, so that a moment drawn at random falls into the work.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import multiprocessing
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from promptad_db import open_db, run_folder, start_run
from promptad_db.datasets.synthetic import write_dataset

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload([
    "promptad_db.cli.main", "promptad_db.cli.database", "promptad_db.cli.fuse", "promptad_db.cli.run", "promptad_db.cli.queries",
    "promptad_db.cli.reports", "promptad_db.db.engine.migrate", "promptad_db.db.index.rebuild", "promptad_db.db.queries.reports",
    "promptad_db.ingestion", "promptad_db.fusing", "promptad_db.runner", "promptad_db.model.promptad", "alembic.command",
    "duckdb_sqlalchemy", "open_clip", "pyarrow.parquet", "sklearn.linear_model",
])  # fmt: skip
NUMBERS = {
    "metrics": "branch, level, metric, provenance, value, ci_low, ci_high, n_pos, n_neg, metrics.note",
    "image_scores": "image, branch, score",
    "images": "image, defect_type, label",
    "branch_stats": "branch, level, n, mean, std, min, max",
}
RUN_NAMES = "experiment, dataset, variant, task, k_shot, seed, status"
REPORT = ("report", "--format", "json", "--section", "summary,datasets,worst,k-shot,categories,fusion,paper")


class Scenario(NamedTuple):
    """What is there, the command that is killed, and the one that a user gives next."""

    prepare: object
    command: tuple[str, ...]
    again: tuple[str, ...]


def logged(place, categories, runs, **settings):
    """Runs with maps of their own, logged without a database."""
    masks = np.zeros((8, 24, 24), dtype=bool)
    masks[4:, 8:14, 4:12] = True
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        given = {"dataset": "mvtec", "task": "seg", "k_shot": 1, "seed": seed, "method": "m", **settings}
        with start_run(**given, runs=place, db=False) as run:
            for category in categories:
                run.log_category(
                    category,
                    images=[f"crack/{index:03}.png" for index in range(8)],
                    branches={name: rng.random((8, 6, 6)) for name in ("semantic", "memory")},
                    masks=masks,
                )


def foreign_table(path):
    lines = ["dataset,category,k_shot,seed,task,branch,image,label,score"]
    rng = np.random.default_rng(1)
    for seed, category, branch in np.ndindex(4, 3, 2):
        names = ("carpet", "grid", "tile")[category], ("semantic", "memory")[branch]
        lines += [f"mvtec,{names[0]},1,{seed},cls,{names[1]},{i}.png,{i % 2},{rng.random()}" for i in range(30)]
    path.write_text("\n".join(lines) + "\n")


def for_ingest(place):
    (place / "results").mkdir()
    foreign_table(place / "results" / "scores.csv")
    logged(place / "results" / "logged", ("carpet", "grid"), 3, experiment="scores")


def for_fuse(place):
    logged(place / "runs", ("carpet", "grid", "tile"), 2)
    finished("rebuild", "runs", place=place)


def for_rebuild(place):
    logged(place / "runs", ("carpet", "grid"), 8)
    finished("rebuild", "runs", place=place)


def for_migrate(place):
    oldest = min((Path(__file__).resolve().parents[1] / "stored").glob("schema_*.duckdb.gz"))
    (place / "promptad.duckdb").write_bytes(gzip.decompress(oldest.read_bytes()))


def for_run(place):
    write_dataset(place / "data", categories=("leather", "nut"), test_good=3, test_per_defect=1)


RUN = (
    "run", "--dataset", "synthetic", "--data-root", "data", "--model", "tiny", "--device", "cpu", "--k-shot", "1,2",
    "--epochs", "2", "--seed", "1",
)  # fmt: skip
RULES = ("fuse", "--experiment", "default", "--rule", "max,mean,oracle,rank-mean,weighted:0.3")
SCENARIOS = {
    "ingest": Scenario(for_ingest, ("ingest", "results"), ("ingest", "results")),
    "fuse": Scenario(for_fuse, RULES, RULES),
    "rebuild": Scenario(for_rebuild, ("rebuild", "runs"), ("rebuild", "runs")),
    "migrate": Scenario(for_migrate, ("migrate",), ("migrate",)),
    "run": Scenario(for_run, RUN, (*RUN, "--resume")),
}


def call(place, arguments, words, years=0):
    """What a forked process does: one command as a user calls it, what it says in a file, its clock years ahead."""
    os.chdir(place)
    with Path(words).open("w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        import torch

        from promptad_db.cli.main import main

        torch.set_num_threads(1)
        if years:
            jumped = datetime.now(UTC) + timedelta(days=365 * years)
            run_folder.now = lambda: jumped.isoformat(timespec="microseconds")
        sys.argv = ["promptad-db", *arguments]
        main()


def begun(*arguments, place, words=None, years=0):
    process = FORKED.Process(target=call, args=(str(place), arguments, str(words or place / "said"), years))
    process.start()
    return process


def answered(*arguments, place, words=None, years=0):
    """Run a command to its end; its exit code and its words."""
    process = begun(*arguments, place=place, words=words, years=years)
    process.join(300)
    return process.exitcode, (words or place / "said").read_text()


def finished(*arguments, place):
    """Run a command to its end, which must be a good one; its words."""
    code, said = answered(*arguments, place=place)
    assert code == 0, said
    assert "Traceback" not in said
    return said


def kill_after(seconds, *arguments, place):
    """Whether the command was still at work when it was killed."""
    process = begun(*arguments, place=place)
    process.join(seconds)
    alive = process.exitcode is None
    if alive:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return alive or process.exitcode == -signal.SIGKILL


def facts(place):
    """Everything that must not depend on what happened on the way, without the ids of runs."""
    database = open_db(place / "promptad.duckdb")
    found = {
        table: database.query(
            f"SELECT {RUN_NAMES}, category, {columns} FROM {table} JOIN runs USING (run_id) ORDER BY ALL"
        ).rows
        for table, columns in NUMBERS.items()
    }
    runs = [run for root in ("runs", "results/logged") for run in run_folder.find_runs(place / root)]
    found["categories"] = sorted(
        (*(getattr(info, name) for name in RUN_NAMES.split(", ")), category)
        for run in runs
        for info in (run_folder.read_run(run),)
        for category in run_folder.list_categories(run)
    )
    said = finished(*REPORT, "-o", "report.json", place=place)
    found["notes"] = said
    found["report"] = json.loads((place / "report.json").read_text())
    return found


def opens_or_explains(place):
    """The database between a kill and the next command: it opens, or what is wrong is said in one line."""
    code, said = answered("sql", "SELECT COUNT(*) FROM runs", place=place)
    assert code in (0, 3), said
    assert "Traceback" not in said
