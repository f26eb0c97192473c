"""Significance is streamed: its numbers are those of the plain formulas, and its memory that of few runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from promptad_db import run_folder, start_run
from promptad_db.db.engine import connect
from promptad_db.db.queries.contrasts import contrasts
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters, select
from promptad_db.metrics.intervals import auroc_of, paired_difference
from promptad_db.stats.uncertainty import holm

IMAGES = [f"crack/{index:03d}.png" for index in range(60)]
LABELS = np.arange(60) >= 20
PEAK = """
import resource, sys
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters
report(sys.argv[1], Filters(), sections=("significance",))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
KEYED_BY_RUN = ("runs", "run_categories", "metrics", "placements")


def multiplied(database, times):
    """Add copies of every run, with seeds of their own."""
    with connect.writing(connect.database_path(database)) as connection:
        runs = connection.exec_driver_sql("SELECT COUNT(*) FROM runs").scalar()
        for table in KEYED_BY_RUN:
            changed = f"run_id || '-{runs}-' || i AS run_id" + (
                f", seed + {runs} * i AS seed" if table == "runs" else ""
            )
            rows = f"SELECT * REPLACE ({changed}) FROM {table} CROSS JOIN RANGE(1, {times}) AS copies(i)"
            connection.exec_driver_sql(f"INSERT INTO {table} SELECT * EXCLUDE (i) FROM ({rows})")


def log(gains):
    random = np.random.default_rng(0)
    settings = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 1, "method": "m", "fusions": ("max",)}
    with start_run(**settings) as run:
        for name, gain in gains.items():
            branches = {branch: random.normal(size=60) + LABELS for branch in ("semantic", "memory")}
            branches["memory"] = branches["memory"] + gain * LABELS
            run.log_category(name, images=IMAGES, branches=branches, labels=LABELS)
    return run.folder


def test_the_cells_of_measured_runs_are_tested_as_their_placements_say(gate_place):
    wanted = {}
    for folder in sorted((gate_place / "runs").iterdir()):
        for category in run_folder.list_categories(folder):
            found = run_folder.read_category(folder, category).placements
            if ("image", "semantic") in found and ("image", "memory") in found:
                wanted[category] = [found["image", name] for name in ("semantic", "memory")]
    assert len(wanted) == 10
    with connect.reading(connect.database_path(gate_place / "promptad.duckdb")) as connection:
        filters, _ = select(connection, Filters(provenance="exact"))
        made = {
            category: contrast
            for (_, branch, _, _, category, *_), contrast in contrasts(connection, "tests", filters)
            if branch == "memory"
        }
    assert made.keys() <= wanted.keys()
    assert made
    for category, contrast in made.items():
        semantic, memory = wanted[category]
        assert contrast.value == pytest.approx(auroc_of(memory) - auroc_of(semantic), abs=1e-12)
        plain = paired_difference(semantic, memory)
        assert (contrast.found is None) == (plain is None)
        if plain is not None:
            assert contrast.found.variance == pytest.approx(plain[1].variance, abs=1e-12)
            assert contrast.p_value() == pytest.approx(plain[1].p_value(plain[0]), abs=1e-12)


def test_many_slices_of_runs_make_one_family_of_tests():
    folder = log({f"c{index}": gain for index, gain in enumerate((0.0, 0.4, 1.2, 2.0, -0.8, 0.7))})
    times = 300  # 324,000 rows of placements, several slices
    multiplied("promptad.duckdb", times)
    row = report(Path("promptad.duckdb"), Filters(), sections=("significance",)).sections[0].result.records()[0]
    differences = []
    for category in run_folder.list_categories(folder):
        placed = run_folder.read_category(folder, category).placements
        differences.append(paired_difference(placed["image", "semantic"], placed["image", "memory"]))
    p_values = [found.p_value(difference) for difference, found in differences]
    significant = [adjusted < 0.05 for adjusted in holm(p_values * times)]
    wins = sum(flag and differences[place % 6][0] > 0 for place, flag in enumerate(significant))
    assert (row["cells"], row["tested"], row["untested_because"]) == (6 * times, 6 * times, None)
    assert (row["wins"], row["losses"]) == (wins, sum(significant) - wins)
    assert wins


@pytest.mark.slow
def test_significance_needs_no_more_memory_for_ten_times_the_runs():
    log({f"c{index:02}": index / 10 for index in range(15)})
    peaks = []
    for times in (40, 10):
        multiplied("promptad.duckdb", times)  # 40 runs, then 400: a million rows of placements
        command = [sys.executable, "-c", PEAK, "promptad.duckdb"]
        peaks.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    assert peaks[1] < peaks[0] + 120, peaks
