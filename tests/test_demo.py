"""The demo shows the whole way, and no moment is a bad one to kill it."""

import os
import random
import signal
import subprocess
import sys
import tomllib

import pytest

from promptad_db import demo, open_db, run_folder
from promptad_db.datasets import open_dataset
from promptad_db.datasets.check import check_dataset
from promptad_db.datasets.synthetic import CATEGORIES
from promptad_db.model.words import load_vocabulary

NUMBERS = """
    SELECT variant, task, k_shot, category, branch, level, metric, value, n_pos, n_neg
    FROM metrics JOIN runs USING (run_id) ORDER BY 1, 2, 3, 4, 5, 6, 7
"""
# Two categories and tasks: K = 1, 2, 4 of baseline and memory_only, K = 1 of the two other variants.
CELLS = 2 * 2 * (3 + 3 + 1 + 1)


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory):
    """The synthetic set as the demo writes it."""
    return demo.export_data(tmp_path_factory.mktemp("demo") / "data")


def start(folder, *more):
    """The demo of two categories as a process of its own."""
    program = [sys.executable, "-c", "from promptad_db.cli.main import main; main()"]
    return subprocess.Popen(
        [*program, "demo", str(folder), "--category", "leather,nut", *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def place_with(data, folder):
    folder.mkdir()
    (folder / "data").symlink_to(data)
    return folder


def test_the_exported_set_is_whole_and_brings_its_words(demo_data, cli):
    dataset = open_dataset(demo.DATASET, demo_data)
    assert dataset.categories == tuple(sorted(CATEGORIES))
    assert check_dataset(dataset, ["nut"]).problems == []
    words = load_vocabulary(demo_data / demo.PROMPTS).words_of("nut")
    assert "scratched nut" in words.states
    assert set(tomllib.loads((demo_data / demo.PROMPTS).read_text())["states"]) == set(CATEGORIES)
    answer = cli("demo", "--export-data", demo_data)
    assert answer.code == 4
    assert "exists already" in answer.err


def test_the_demo_goes_from_images_to_report(demo_data, tmp_path):
    folder = place_with(demo_data, tmp_path / "demo")
    process = start(folder)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    assert "summary — " in out
    assert "audit — " in out
    assert "synthetic nut K=4 seed=111 seg: semantic " in out
    assert "variants — " in out
    database = open_db(folder / "promptad.duckdb")
    assert database.query("SELECT COUNT(*), COUNT(gap) FROM branch_gap").rows == [(CELLS, CELLS - 12)]
    fused = database.query("SELECT DISTINCT branch FROM metrics WHERE branch LIKE '%_zscore_normal' ORDER BY 1").rows
    assert fused == [("max_zscore_normal",), ("mean_zscore_normal",), ("oracle_zscore_normal",)]


@pytest.mark.slow
def test_a_demo_killed_at_ten_random_moments_ends_with_the_same_numbers(demo_data, tmp_path):
    undisturbed = place_with(demo_data, tmp_path / "undisturbed")
    assert start(undisturbed).communicate(timeout=600)
    folder = place_with(demo_data, tmp_path / "killed")
    moments = random.Random(111)
    kills = 0
    while kills < 10:
        process = start(folder)
        try:
            process.communicate(timeout=moments.uniform(2, 8))
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
    process = start(folder)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 0, out
    runs = run_folder.find_runs(folder / "runs")
    assert sum(len(run_folder.list_categories(run)) for run in runs) == CELLS
    one, other = (open_db(place / "promptad.duckdb").query(NUMBERS).rows for place in (undisturbed, folder))
    assert one == other
    assert kills == 10
