"""What a run folder says of a run is what ran: every option is used, refused, or recorded as what it came to."""

import csv
import json
from pathlib import Path

import pytest

from promptad_db import ingest, run_folder
from promptad_db.records import Render
from promptad_db.runner import Backbone, Callbacks, Request, Training, run
from promptad_db.sweeps import Grid, plan_sweep
from promptad_db.sweeps.found import find_folders


@pytest.fixture
def request_of(pictures, small_clip):
    """A small request for one cls run of one category; keyword arguments change it."""

    def make(**changes):
        arguments = {
            "dataset": "synthetic",
            "data_root": pictures,
            "categories": ("nut",),
            "tasks": ("cls",),
            "backbone": Backbone(small_clip, "random", "cpu"),
            "training": Training(epochs=2),
            "render": Render(60, 60),
        }
        return Request(**{**arguments, **changes})

    return make


@pytest.fixture
def run_words(small_clip, pictures):
    """The same run as words of the command line, with more words behind them."""

    def make(*more):
        words = ("--model", small_clip, "--pretrained", "random", "--epochs", "2", "--resolution", "60")
        place = ("run", "--dataset", "synthetic", "--data-root", pictures, "--category", "nut", "--task", "cls")
        return (*place, *words, "--device", "cpu", *more)

    return make


def quiet(**heard):
    return Callbacks(**{"note": lambda _text: None, **heard})


def imported(task="cls"):
    """The folder of an imported run of K = 1 and seed 111, which has no rendering."""
    table = [("dataset", "category", "k_shot", "seed", "task", "branch", "image", "label", "score")]
    table += [("synthetic", "nut", 1, 111, task, "memory", f"{index}.png", index % 2, index / 4) for index in range(4)]
    with Path("scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    outcome = ingest("scores.csv")
    assert not outcome.rejected
    [folder] = run_folder.find_runs(Path("runs"))
    assert run_folder.read_run(folder).render is None
    return folder


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_starts_beside_an_imported_one_of_the_same_k_seed_and_task(request_of, resume):
    folder = imported()
    before = (folder / "run.json").read_bytes()
    outcome = run(request_of(resume=resume), callbacks=quiet())
    assert (outcome.cells, folder in outcome.folders) == (1, False)
    assert (folder / "run.json").read_bytes() == before


@pytest.mark.parametrize("training", [None, "sgd", [1], {"epochs": 2}])
def test_a_sweep_is_planned_beside_runs_of_other_programs(make_run, pictures, training):
    folder = make_run({"nut": {"memory": 0.5}}, dataset="synthetic", task="cls", config={"training": training})
    grid = Grid("e", {"synthetic": pictures}, ("nut",), ("cls",), options={"epochs": 2})
    assert find_folders(grid, folder.parent.absolute()) == {}
    assert plan_sweep(grid)[0].result.records()[0]["missing"] == 1
