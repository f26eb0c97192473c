"""What each view of the database shows of a few rows that were put into its tables, worked out by hand."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from promptad_db.db import open_db
from promptad_db.db.engine import connect, migrate, tables

if TYPE_CHECKING:
    from pathlib import Path


class Rows:
    """Puts runs, AUROCs and score means into a new database."""

    def __init__(self, database: Path) -> None:
        self.database = database
        migrate.init(database)

    def add(self, run_id, categories, *, day=1, means=(), **fields):
        """A run: {category: {branch: AUROC or [(provenance, AUROC, precision)]}}, and (category, branch, mean)."""
        run = {
            "experiment": "e", "method": "m", "variant": "baseline", "task": "seg", "dataset": "mvtec", "k_shot": 1,
            "seed": 1, "status": "finished", "image_score": "max", "selection": "none", "protocol": "few-shot",
            "folder": f"runs/{run_id}", "created_at": datetime.fromisoformat(f"2026-01-{day:02}"), **fields,
        }  # fmt: skip
        level, other = ("image", "pixel") if run["task"] == "cls" else ("pixel", "image")
        given = [
            (category, branch, number)
            for category, branches in categories.items()
            for branch, numbers in branches.items()
            for number in (numbers if isinstance(numbers, list) else [("exact", numbers, 0.0)])
        ]
        metrics = [
            {
                "run_id": run_id, "category": category, "branch": branch, "level": found, "metric": metric,
                "provenance": provenance, "value": value, "precision": precision,
            }
            for category, branch, (provenance, auroc, precision) in given
            for found, metric, value in ((level, "auroc", auroc), (level, "ap", 0.99), (other, "auroc", 0.01))
        ]  # fmt: skip
        stats = [
            {
                "run_id": run_id, "category": category, "branch": branch, "level": found, "n": 2, "mean": value,
                "std": 0.1, "min": value, "max": value,
            }
            for category, branch, mean in means
            for found, value in ((level, mean), (other, 7.0))
        ]  # fmt: skip
        with connect.writing(self.database) as connection:
            connection.execute(tables.runs.insert(), [{"run_id": run_id, **run}])
            connection.execute(tables.metrics.insert(), metrics)
            if stats:
                connection.execute(tables.branch_stats.insert(), stats)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    rows = Rows(tmp_path_factory.mktemp("views") / "promptad.duckdb")
    rows.add("a0", {"tile": {"semantic": 0.1, "memory": 0.2}}, day=3)  # of the same time as a1, whose id is higher
    rows.add(
        "a1",
        {
            "tile": {"semantic": [("exact", 0.8, 0.0), ("reported", 0.7, 0.1)], "memory": 0.9, "max": 0.95},
            "wood": {
                "semantic": [("reported", 0.6, 1e-3)],
                "memory": [("reported", 0.6004, 1e-3)],
                "max": [("reported", 0.61, 1e-3)],
            },
            "grid": {"semantic": None, "memory": 0.9, "max": 0.9},
            "carpet": {"semantic": [("exact", None, 0.0), ("reported", 0.4, 0.01)], "memory": 0.5, "max": None},
            "nut": {"semantic": [("approx", 0.5, 0.0)], "memory": [("approx", 0.55, 0.0)]},
        },
        day=3,
        means=[
            ("tile", "semantic", 0.2), ("tile", "memory", 0.4), ("grid", "semantic", 0.3), ("carpet", "semantic", -0.1),
            ("carpet", "memory", 0.1), ("tile", "max", 0.5),
        ],
    )  # fmt: skip
    rows.add("a2", {"tile": {"semantic": 0.2, "memory": 0.3}}, day=2)
    rows.add("a3", {"tile": {"semantic": [("approx", 0.3, 0.0)], "memory": [("approx", 0.4, 0.0)]}}, day=4)
    rows.add(
        "b1",
        {"pcb1": {"semantic": 0.6, "memory": 0.4, "max": 0.4}},
        dataset="visa",
        means=[("pcb1", "semantic", 0.0), ("pcb1", "memory", 0.0)],
    )
    rows.add(
        "c1",
        {
            "pcb1": {"semantic": 0.5, "memory": 0.7, "max": 0.6, "harmonic": 0.8},
            "pcb2": {"semantic": 0.9, "memory": 0.5, "max": None},
        },
        task="cls", dataset="visa", k_shot=2, seed=None,
        means=[("pcb1", "semantic", 0.3), ("pcb1", "memory", 0.1), ("pcb2", "semantic", 0.3), ("pcb2", "memory", 0.1)],
    )  # fmt: skip
    return rows


def shown(rows, columns, view, order):
    names = columns.split()
    return open_db(rows.database).query(f"SELECT {', '.join(names)} FROM {view} ORDER BY {order}").rows


def near(*values):
    return pytest.approx(values, abs=1e-12)


def test_an_auroc_is_that_of_the_task_under_each_provenance(rows):
    columns = "run_id category branch exact reported approx reported_precision truths"
    found = {row[:3]: row[3:] for row in shown(rows, columns, "auroc_by_provenance", "1")}
    assert len(found) == 30
    assert found["a1", "tile", "semantic"] == (0.8, 0.7, None, 0.1, 2)
    assert found["a1", "wood", "memory"] == (None, 0.6004, None, 1e-3, 1)
    assert found["a1", "grid", "semantic"] == (None, None, None, None, 1)
    assert found["a1", "nut", "memory"] == (None, None, 0.55, None, 0)
    assert found["c1", "pcb1", "harmonic"] == (0.8, None, None, None, 1)


def test_a_branch_shows_the_latest_truth_the_exact_one_before_the_reported(rows):
    found = shown(
        rows, "task category branch auroc provenance precision run_id", "branch_auroc", "1 DESC, dataset, 2, 3 DESC"
    )
    assert found == [
        ("seg", "carpet", "semantic", 0.4, "reported", 0.01, "a1"),
        ("seg", "carpet", "memory", 0.5, "exact", 0, "a1"),
        ("seg", "carpet", "max", None, "exact", 0, "a1"),
        ("seg", "grid", "semantic", None, "exact", 0, "a1"),
        ("seg", "grid", "memory", 0.9, "exact", 0, "a1"),
        ("seg", "grid", "max", 0.9, "exact", 0, "a1"),
        ("seg", "tile", "semantic", 0.8, "exact", 0, "a1"),
        ("seg", "tile", "memory", 0.9, "exact", 0, "a1"),
        ("seg", "tile", "max", 0.95, "exact", 0, "a1"),
        ("seg", "wood", "semantic", 0.6, "reported", 1e-3, "a1"),
        ("seg", "wood", "memory", 0.6004, "reported", 1e-3, "a1"),
        ("seg", "wood", "max", 0.61, "reported", 1e-3, "a1"),
        ("seg", "pcb1", "semantic", 0.6, "exact", 0, "b1"),
        ("seg", "pcb1", "memory", 0.4, "exact", 0, "b1"),
        ("seg", "pcb1", "max", 0.4, "exact", 0, "b1"),
        ("cls", "pcb1", "semantic", 0.5, "exact", 0, "c1"),
        ("cls", "pcb1", "memory", 0.7, "exact", 0, "c1"),
        ("cls", "pcb1", "max", 0.6, "exact", 0, "c1"),
        ("cls", "pcb1", "harmonic", 0.8, "exact", 0, "c1"),
        ("cls", "pcb2", "semantic", 0.9, "exact", 0, "c1"),
        ("cls", "pcb2", "memory", 0.5, "exact", 0, "c1"),
        ("cls", "pcb2", "max", None, "exact", 0, "c1"),
    ]


def test_a_gap_says_which_branch_is_weak_and_of_what_provenance_the_two_are(rows):
    found = shown(rows, "task category weak_branch provenance gap abs_gap", "branch_gap", "1 DESC, dataset, 2")
    assert [row[:4] for row in found] == [
        ("seg", "carpet", "semantic", "mixed"),
        ("seg", "grid", None, "exact"),
        ("seg", "tile", "semantic", "exact"),
        ("seg", "wood", "tie", "reported"),
        ("seg", "pcb1", "memory", "exact"),
        ("cls", "pcb1", "semantic", "exact"),
        ("cls", "pcb2", "memory", "exact"),
    ]
    assert [row[4] for row in found if row[4] is not None] == near(0.1, 0.1, 0.0004, -0.2, 0.2, -0.4)
    assert [row[5] for row in found if row[5] is not None] == near(0.1, 0.1, 0.0004, 0.2, 0.2, 0.4)


def test_summaries_are_of_the_cells_that_have_both_branches(rows):
    columns = "cells left_out semantic_weaker memory_weaker ties semantic_mean memory_mean mean_gap mean_abs_gap"
    cls, seg = shown(rows, columns, "task_summary", "task")
    assert cls == near(2, 0, 1, 1, 0, 0.7, 0.6, -0.1, 0.3)
    assert seg == near(4, 1, 2, 1, 1, 2.4 / 4, 2.4004 / 4, 0.0004 / 4, 0.4004 / 4)
    by_dataset = shown(rows, columns, "dataset_summary", "task, dataset")
    assert by_dataset[0] == cls
    assert by_dataset[1] == near(3, 1, 2, 0, 1, 1.8 / 3, 2.0004 / 3, 0.2004 / 3, 0.2004 / 3)
    assert by_dataset[2] == near(1, 0, 0, 1, 0, 0.6, 0.4, -0.2, 0.2)
    columns = ("cells", "semantic_mean", "memory_mean", "mean_abs_gap")
    both = " ".join(f"{task}_{column}" for column in columns for task in ("cls", "seg"))
    (row,) = shown(rows, f"{both} abs_gap_ratio", "cls_vs_seg", "1")
    assert row == near(2, 4, 0.7, 0.6, 0.6, 2.4004 / 4, 0.3, 0.4004 / 4, 0.4004 / 4 / 0.3)


def test_a_fusion_gains_over_the_better_branch_and_over_memory(rows):
    columns = "task rule cells cells_above_memory mean gain_over_better_branch gain_over_memory"
    found = shown(rows, columns, "fusion_gain", "task, rule")
    assert [row[:4] for row in found] == [("cls", "harmonic", 1, 1), ("cls", "max", 1, 0), ("seg", "max", 3, 2)]
    assert found[0][4:] == near(0.8, 0.1, 0.1)
    assert found[1][4:] == near(0.6, -0.1, -0.1)
    assert found[2][4:] == near(1.96 / 3, (0.05 + 0.0096 - 0.2) / 3, (0.05 + 0.0096) / 3)


def test_estimates_are_the_stored_ones_or_made_of_score_means_of_both_branches(rows):
    columns = "run_id category semantic_estimate memory_estimate semantic memory"
    found = {row[:2]: row[2:] for row in shown(rows, columns, "approx_audit", "1")}
    assert found == {
        ("a1", "tile"): near(0.95 * 0.2 / 0.4, 0.95, 0.8, 0.9),
        ("a1", "nut"): (0.5, 0.55, None, None),
        ("a3", "tile"): (0.3, 0.4, None, None),
        ("c1", "pcb1"): near(0.6, 0.6 * 0.1 / 0.3, 0.5, 0.7),
        ("c1", "pcb2"): (None, None, 0.9, 0.5),
    }


def test_every_part_of_its_key_tells_a_cell_from_others(tmp_path):
    rows = Rows(tmp_path / "promptad.duckdb")
    changes = [
        {}, {"experiment": "x"}, {"method": "x"}, {"variant": "x"}, {"dataset": "visa"}, {"k_shot": 2}, {"seed": 2},
        {"seed": None}, {"task": "cls"},
    ]  # fmt: skip
    for number, change in enumerate(changes):
        auroc = number / 10
        branches = {"semantic": auroc, "memory": auroc + 0.1, "max": auroc + 0.2}
        rows.add(str(number), {"tile": branches}, day=1 + number, **change)
    aurocs = [number / 10 for number in range(9)]
    assert [value for (value,) in shown(rows, "semantic", "branch_gap", "1")] == aurocs
    assert [value for (value,) in shown(rows, "auroc", "branch_auroc WHERE branch = 'semantic'", "1")] == aurocs
    assert shown(rows, "experiment method variant task cells", "fusion_gain", "1, 2, 3, 4") == [
        ("e", "m", "baseline", "cls", 1),
        ("e", "m", "baseline", "seg", 5),
        ("e", "m", "x", "seg", 1),
        ("e", "x", "baseline", "seg", 1),
        ("x", "m", "baseline", "seg", 1),
    ]
    both = shown(rows, "experiment method variant cls_cells seg_cells", "cls_vs_seg", "1")
    assert both == [("e", "m", "baseline", 1, 5)]
    (gain,) = {round(value, 12) for (value,) in shown(rows, "gain_over_better_branch", "fusion_gain", "1")}
    assert gain == 0.1


def test_the_coarser_number_of_a_pair_says_from_where_on_it_is_no_tie(tmp_path):
    rows = Rows(tmp_path / "promptad.duckdb")
    coarse, fine = [("reported", 0.4, 0.01)], 0.405
    rows.add("r", {"tile": {"semantic": coarse, "memory": fine}, "wood": {"semantic": fine, "memory": coarse}})
    assert shown(rows, "weak_branch provenance", "branch_gap", "category") == [("tie", "mixed"), ("tie", "mixed")]


def test_without_a_gap_in_cls_that_of_seg_has_no_ratio_to_it(tmp_path):
    rows = Rows(tmp_path / "promptad.duckdb")
    rows.add("c", {"tile": {"semantic": 0.9, "memory": 0.9}}, task="cls")
    rows.add("s", {"tile": {"semantic": 0.8, "memory": 0.9}})
    assert shown(rows, "cls_mean_abs_gap abs_gap_ratio", "cls_vs_seg", "1") == [(0, None)]
