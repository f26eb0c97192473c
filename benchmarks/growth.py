"""How cost grows: the exponent of a power law fitted to the seconds of growing work (1: twice the work, twice the time).

Pixel-level AUROC in images x pixels, fusing in cells, indexing and reporting in runs, and logging in the number of
processes that write to one database at the same time, each the same number of runs.

    python benchmarks/growth.py [--full]        a minute [full size: half an hour]
"""

import multiprocessing
import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from fuse import RULES, spread, write_runs
from metrics import detector_maps
from table import Row, limited, main, median, seconds
from tracker import EVERYTHING, ingest_seconds, synthetic_runs, write_folder

import promptad_db
from promptad_db.db.queries.reports import report
from promptad_db.fusing import fuse_folders
from promptad_db.fusing.runs import FuseOptions
from promptad_db.fusion.recipes import recipes
from promptad_db.metrics import auroc

SMALL = {"maps": 128, "cells": 8, "runs": 1_000, "writers": 8, "repeat": 3}
FULL = {"maps": 512, "cells": 32, "runs": 100_000, "writers": 32, "repeat": 3}
CATEGORIES, BRANCHES = 3, 3
RUNS_A_WRITER = 5


def exponent(sizes, times):
    """The slope of log time over log size, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def doubling(first, last, factor=2):
    """Sizes from ``first`` to ``last``, each ``factor`` times the one before."""
    sizes = [first]
    while sizes[-1] * factor <= last:
        sizes.append(sizes[-1] * factor)
    return sizes


def grown(what, sizes, times, limit=None):
    """The rows of one growth: the seconds of the largest size, and the exponent."""
    fitted = exponent(sizes, times)
    name = f"{what}, {sizes[0]:,} to {sizes[-1]:,}: exponent"
    largest = Row(f"{what}, {sizes[-1]:,}", times[-1], "s")
    return [largest, limited(name, fitted, "", limit) if limit else Row(name, fitted, "")]


def of_pixels(maps, repeat):
    sizes, times = [], []
    for count in doubling(2, maps):
        _, pixels, masks = detector_maps(count, 240, 0.02, np.random.default_rng(0))
        sizes.append(pixels.size)
        times.append(median(repeat, seconds, auroc, pixels, masks))
    return grown("pixel AUROC, pixels", sizes, times, 1.1)


def of_cells(place, cells):
    sizes, times = doubling(2, cells), []
    for count in sizes:
        here = place / f"cells-{count}"
        folders, _ = write_runs(here / "runs", spread(count))
        work = partial(fuse_folders, list(folders.values()), recipes(RULES), here / "bench.duckdb", FuseOptions())
        times.append(seconds(work))
    return grown("fuse, cells", sizes, times, 1.1)


def of_runs(place, runs):
    """Taking runs in, and the report over all of them; the folders of a smaller size are the first of a larger one."""
    sizes, indexing, reporting, again = doubling(100, runs, 10), [], [], []
    folders = []
    every = synthetic_runs(sizes[-1], CATEGORIES, BRANCHES)
    for size in sizes:
        while len(folders) < size:
            info, numbers = next(every)
            write_folder(place / "runs", info, numbers)
            folders.append(place / "runs" / info.run_id)
        database = place / f"{size}.duckdb"
        indexing.append(ingest_seconds(database, folders))
        reporting.append(seconds(report, database, EVERYTHING))
        again.append(seconds(promptad_db.ingest, *folders[:100], db=database))
    return [
        *grown("index runs, runs", sizes, indexing, 1.1),
        *grown("report over all of them, runs", sizes, reporting, 1.1),
        *grown("index 100 known runs again, runs in the database", sizes, again, 0.5),
    ]


def write_runs_of_one(place, start, number):
    """What one writer does, once all are ready."""
    scores = np.random.default_rng(number).random((2, 40))
    start.wait()
    for seed in range(RUNS_A_WRITER):
        settings = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 100 * number + seed, "method": "m"}
        with promptad_db.start_run(**settings, runs=place / "runs", db=place / "writers.duckdb") as run:
            run.log_category(
                "carpet",
                images=[f"{index}.png" for index in range(40)],
                branches=dict(zip(("semantic", "memory"), scores, strict=True)),
                labels=[0, 1] * 20,
            )


def of_writers(place, writers):
    spawned = multiprocessing.get_context("spawn")
    sizes, times = doubling(1, writers), []
    for count in sizes:
        start = spawned.Barrier(count + 1)
        here = place / f"writers-{count}"
        here.mkdir()
        processes = [spawned.Process(target=write_runs_of_one, args=(here, start, n)) for n in range(count)]
        for process in processes:
            process.start()
        start.wait()
        times.append(seconds(lambda some=processes: [process.join() for process in some]))
        with_all = promptad_db.open_db(here / "writers.duckdb").query("SELECT COUNT(*) FROM runs").rows[0][0]
        if with_all != count * RUNS_A_WRITER:
            raise SystemExit(f"{count} writers: {with_all} runs of {count * RUNS_A_WRITER} are in the database")
    return grown(f"log {RUNS_A_WRITER} runs each, processes", sizes, times, 1.2)


def measure(maps, cells, runs, writers, repeat):
    """All four, each up to its own largest size."""
    os.environ["PROMPTAD_LOCK_TIMEOUT"] = "600"
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        return [*of_pixels(maps, repeat), *of_cells(place, cells), *of_runs(place, runs), *of_writers(place, writers)]


if __name__ == "__main__":
    main(__doc__, measure, SMALL, FULL)
