"""Time the database against MLflow on SQLite: taking runs in, reporting over them, starting up.

The runs are synthetic run folders of reported AUROCs, --categories x --branches numbers a run, over two datasets, three
K, both tasks and four variants, from a fixed seed. Each run has cells of its own, so a report over everything averages
every number; the last 24 runs are an experiment of their own, the most recent one.

Ours is promptad_db.ingest of the folders (in the page cache) and `promptad-db report` as a whole process. MLflow is its
client at its quickest: create_run with the tags, one log_batch with all numbers, no set_terminated; the question is
asked of MlflowClient.search_runs and averaged by numpy, quicker than the data frame of mlflow.search_runs. Both stores
are made before the clock starts. MLflow gets only the first --peer-runs runs; ours gets them too, in a second database,
so every ratio but the first is on equal data. Ours and the peer run in turn, and their summaries must be equal. Figures
and ratios are medians.

    python benchmarks/tracker.py [--full]        a minute [full size: ten minutes]
"""

import itertools
import logging
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from table import Row, in_turn, limited, main, median, seconds

import promptad_db
from promptad_db import run_folder
from promptad_db.db.engine.migrate import init
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, RunInfo

BRANCHES = ("semantic", "memory", "max", "harmonic", "mean", "gate", "oracle")
CONFIGURATIONS = list(itertools.product(("mvtec", "visa"), (1, 2, 4), ("cls", "seg")))
SWEEP, LATEST, LATEST_RUNS = "sweep", "latest", 24
EVERYTHING = Filters(experiments=(SWEEP, LATEST))
PRECISION = 1e-4
SUMMARY = ("cells", "semantic_weaker", "memory_weaker", "ties", "semantic_mean", "memory_mean", "mean_gap")

SMALL = {"runs": 500, "peer_runs": 100, "categories": 15, "branches": 5, "repeat": 3}
FULL = {**SMALL, "runs": 10_000, "peer_runs": 1_000}


def synthetic_runs(runs, categories, branches):
    """Yield the runs in the order of time: what was run, and category -> branch -> AUROC."""
    rng = np.random.default_rng(0)
    for i in range(runs):
        seed, place = divmod(i, len(CONFIGURATIONS))
        settings = {**dict(zip(("dataset", "k_shot", "task"), CONFIGURATIONS[place], strict=True)), "seed": seed}
        time_ = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=i)).isoformat(timespec="microseconds")
        run_id = run_folder.new_run_id(time_, **settings, suffix=f"{i:08x}")
        experiment = SWEEP if i < runs - LATEST_RUNS else LATEST
        settings |= {"created_at": time_, "finished_at": time_, "status": "finished"}
        info = RunInfo(run_id, experiment, "promptad", f"variant_{seed % 4}", **settings)
        values = np.round(1 - rng.beta(2, 20, (categories, branches)), 4).tolist()
        yield info, {f"category_{j:02}": dict(zip(BRANCHES, row, strict=False)) for j, row in enumerate(values)}


def write_folder(root, info, numbers):
    """Write the folder of one run."""
    folder, level = run_folder.create_run(root, info), LEVEL_OF_TASK[info.task]
    for category, values in numbers.items():
        metrics = [Metric(level, branch, "auroc", value, "reported", PRECISION) for branch, value in values.items()]
        run_folder.write_category(folder, CategoryResult(category, metrics=metrics))


process = partial(seconds, subprocess.run, check=True, capture_output=True)


def ingest_seconds(database, folders):
    """Return the seconds of an ingest into a new, empty database."""
    database.unlink(missing_ok=True)
    init(database)
    return seconds(promptad_db.ingest, *folders, db=database)


def our_summary(database):
    """Return task -> the numbers of SUMMARY."""
    rows = report(database, EVERYTHING, sections=("summary",)).sections[0].result.records()
    return {row["task"]: tuple(row[name] for name in SUMMARY) for row in rows}


class Mlflow:
    """MLflow's tracking client on a new SQLite file."""

    def __init__(self, database):
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=f"sqlite:///{database}")
        self.experiment = self.client.create_experiment("benchmark", artifact_location=str(database.parent))

    def log(self, runs):
        """Log the runs one after the other."""
        from mlflow import entities

        for info, results in runs:
            stamp = int(datetime.fromisoformat(info.created_at).timestamp() * 1000)
            tags = {"experiment": info.experiment, "task": info.task, "status": info.status}
            run = self.client.create_run(self.experiment, stamp, tags, run_name=info.run_id)
            params = [entities.Param(x, str(getattr(info, x))) for x in ("variant", "dataset", "k_shot", "seed")]
            named = {f"{category}.{branch}": x for category, row in results.items() for branch, x in row.items()}
            numbers = [entities.Metric(name, value, stamp, 0) for name, value in named.items()]
            self.client.log_batch(run.info.run_id, metrics=numbers, params=params)

    def summary(self):
        """Return the same table as ``our_summary``."""
        tasks = {}
        for run in self.client.search_runs([self.experiment], max_results=50_000):
            metrics, tags, params = run.data.metrics, run.data.tags, run.data.params
            categories = sorted(name.removesuffix(".memory") for name in metrics if name.endswith(".memory"))
            pairs = [(metrics[f"{name}.semantic"], metrics[f"{name}.memory"]) for name in categories]
            group = (tags["experiment"], params["dataset"], params["k_shot"])
            tasks.setdefault(tags["task"], {}).setdefault(group, []).append(pairs)
        return {task: self._row([np.array(runs) for runs in groups.values()]) for task, groups in tasks.items()}

    @staticmethod
    def _row(groups):
        """Average seeds within a group first, then groups and categories; count over all cells."""
        gaps = [runs[..., 1] - runs[..., 0] for runs in groups]
        signs = np.concatenate([np.where(abs(gap) < PRECISION / 2, 0, np.sign(gap)).ravel() for gap in gaps])
        counts = (signs.size, (signs > 0).sum(), (signs < 0).sum(), (signs == 0).sum())
        semantic, memory = np.mean([runs.mean(axis=(0, 1)) for runs in groups], axis=0)
        return *counts, semantic, memory, memory - semantic


def measure_ingest(place, runs, peer_runs, categories, branches, repeat):
    """Fill both databases and MLflow's store; return the rows, and the MLflow that is full."""
    every = list(synthetic_runs(runs, categories, branches))
    written = [seconds(write_folder, place / "runs", *run) for run in every]
    all_runs = ingest_seconds(place / "ours.duckdb", [place / "runs"])
    again = median(repeat, seconds, promptad_db.ingest, place / "runs", db=place / "ours.duckdb")
    some, stores = every[:peer_runs], []
    folders = [place / "runs" / info.run_id for info, _ in some]

    def log():
        stores.append(Mlflow(place / f"mlflow_{len(stores)}.sqlite"))
        return seconds(stores[-1].log, some)

    mine, theirs, ratio = in_turn(repeat, partial(ingest_seconds, place / "same.duckdb", folders), log)
    peer, rate = f"MLflow on SQLite, {len(some)} runs", len(some) / theirs
    with_writing = len(some) / (mine + sum(written[: len(some)]))
    return [
        Row(f"ingest, {runs:,} runs", runs / all_runs, "runs/s", peer, rate, runs / all_runs / rate),
        Row(f"ingest, {len(some):,} runs", len(some) / mine, "runs/s", peer, rate, ratio),
        Row(f"write and ingest, {len(some):,} runs", with_writing, "runs/s", peer, rate, with_writing / rate),
        Row(f"ingest again, {runs:,} runs, nothing new", runs / again, "runs/s"),
    ], stores[-1]


def measure_reports(place, mlflow, runs, peer_runs, categories, branches, repeat):
    """Return the rows of the summary against MLflow's, of the whole report, and of the start."""
    ours, theirs = our_summary(place / "same.duckdb"), mlflow.summary()
    if ours.keys() != theirs.keys() or any(np.max(np.abs(np.subtract(ours[t], theirs[t]))) > 1e-9 for t in ours):
        raise SystemExit(f"the summaries differ: ours {ours}, MLflow's {theirs}")
    asked = partial(seconds, our_summary, place / "same.duckdb"), partial(seconds, mlflow.summary)
    mine, peer, ratio = in_turn(repeat, *asked)
    program = str(Path(sys.executable).with_name("promptad-db"))
    command = [program, "report", "--db", str(place / "ours.duckdb")]
    whole = median(repeat, process, [*command, "--experiment", f"{SWEEP},{LATEST}"])
    inside = median(repeat, seconds, report, place / "ours.duckdb", EVERYTHING)
    latest = median(repeat, process, command)
    numbers = f"{runs * categories * branches:,} numbers"
    commands = ([program, "--help"], [sys.executable, "-c", "import click"])
    start, click, quicker = in_turn(10, *(partial(process, command) for command in commands))
    return [
        Row(f"summary of {peer_runs:,} runs", mine, "s", "MLflow on SQLite", peer, ratio),
        limited(f"promptad-db report, {numbers}", whole, "s", 1.0),
        Row(f"report on {numbers}, in process", inside, "s"),
        Row(f"promptad-db report, latest {min(LATEST_RUNS, runs)} runs", latest, "s"),
        Row("promptad-db --help", start, "s", "python -c 'import click'", click, quicker, 0.33),
    ]


def measure(runs, peer_runs, categories, branches, repeat):
    """The rows of both."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    logging.disable(logging.INFO)
    settings = (runs, min(peer_runs, runs), categories, branches, repeat)
    with tempfile.TemporaryDirectory() as temporary:
        rows, mlflow = measure_ingest(Path(temporary), *settings)
        return rows + measure_reports(Path(temporary), mlflow, *settings)


if __name__ == "__main__":
    main(__doc__, measure, SMALL, FULL)
