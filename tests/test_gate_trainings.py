"""Gates under one branch name are of one training, and no image trains its own gate under another dataset's name."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import promptad_db
from promptad_db import open_db, run_folder, start_run
from promptad_db.errors import InputError, UsageError
from promptad_db.fusing import lines_of
from promptad_db.fusing.outcome import Rejection
from promptad_db.fusion.gate import gate_of_document
from promptad_db.fusion.gate_signals import GateCell, GateExample
from promptad_db.fusion.image_content import content_of
from promptad_db.fusion.recipes import recipes
from promptad_db.fusion.same_images import SameImages
from promptad_db.records import CategoryResult


def run_of(*categories, seed=0, dataset="mvtec", masks=None, random_seed=None, **fields):
    """A cls run (a seg run with masks) of both branches; scores follow from the random seed and the category's place."""
    arguments = {
        "task": "cls" if masks is None else "seg",
        "k_shot": 1,
        "method": "m",
        "experiment": "e",
        "fusions": (),
    }
    with start_run(**arguments | fields, dataset=dataset, seed=seed) as run:
        for number, category in enumerate(categories):
            random = np.random.default_rng([seed if random_seed is None else random_seed, number])
            labels = np.arange(24) >= 12
            shape = (24,) if masks is None else (24, 4, 4)
            better = labels if masks is None else masks[number][:, ::4, ::4]
            branches = {
                name: random.random(shape) + 0.5 * better * random.random(shape) for name in ("semantic", "memory")
            }
            run.log_category(
                category,
                images=[f"{dataset}/{index:03}.png" for index in range(24)],
                branches=branches,
                labels=labels,
                masks=None if masks is None else masks[number],
                defect_types=["good"] * 12 + ["rough", "broken_large", "flip"] * 4,
            )
    return run.folder


def gate_of(folder, category, branch="gate"):
    return gate_of_document(run_folder.read_category_gate(folder, category, branch))


def trained_on(folder, category, branch="gate"):
    return {(cell.dataset, cell.category) for cell in gate_of(folder, category, branch).cells}


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


FOUR = ("tile", "wood", "grid", "carpet")


def test_a_gate_of_another_hold_out_does_not_take_the_place_of_some_of_a_branch(cli):
    folder = run_of(*FOUR)
    run_of("pcb1", "pcb2", dataset="visa", seed=1)
    assert cli("fuse", "--rule", "gate").code == 0
    before = contents(Path("runs"))
    answer = cli("fuse", "--rule", "gate", "--hold-out", "dataset", "--replace", "--category", "tile")
    assert answer.code == 4
    assert "gate: 5 cells that reports average with these keep a gate of this name" in answer.err
    assert "--name NAME makes a branch gate_NAME of its own" in answer.err
    assert len([line for line in answer.err.splitlines() if "rejected: " in line]) == 1
    assert contents(Path("runs")) == before
    named = ("fuse", "--rule", "gate,gate-hard", "--hold-out", "dataset", "--name", "wide")
    assert cli(*named).code == 0
    assert (gate_of(folder, "tile").hold_out, gate_of(folder, "tile", "gate_wide").hold_out) == ("category", "dataset")
    rows = open_db().query("SELECT DISTINCT branch, kind, rule FROM branches WHERE kind = 'gate' ORDER BY branch").rows
    assert rows == [("gate", "gate", "gate"), ("gate_hard_wide", "gate", "gate_hard"), ("gate_wide", "gate", "gate")]
    again = cli(*named)
    assert (again.code, "nothing new" in again.err) == (0, True)


def test_a_gate_of_other_training_cells_is_refused_or_replaces_all(cli):
    one, other = run_of(*FOUR), run_of(*FOUR, seed=1)
    assert cli("fuse", "--run", one.name, "--rule", "gate").code == 0
    refused = cli("fuse", "--run", other.name, "--rule", "gate,mean")
    assert refused.code == 4
    assert f"rejected: {one}/carpet: gate: 4 cells" in refused.err.replace(str(one.resolve()), str(one))
    assert "gate" not in run_folder.read_category(other, "tile").scores
    assert "mean" in run_folder.read_category(other, "tile").scores
    assert cli("fuse", "--rule", "gate").code == 4
    assert cli("fuse", "--rule", "gate", "--replace", "--category", "tile").code == 4
    assert cli("fuse", "--rule", "gate", "--replace").code == 0
    assert {len(gate_of(folder, category).cells) for folder in (one, other) for category in FOUR} == {6}


def test_gates_that_cannot_be_trained_anew_keep_all_as_they_are(cli):
    folder = run_of(*FOUR)
    run_of("pcb1", dataset="visa", seed=1)
    assert cli("fuse", "--rule", "gate").code == 0
    before = contents(folder)
    answer = cli("fuse", "--rule", "gate", "--hold-out", "dataset", "--replace")  # one category of visa teaches no gate
    assert answer.code == 4
    assert "gate: 4 cells" in answer.err
    assert contents(folder) == before


@pytest.mark.parametrize("change", [{"experiment": "f"}, {"method": "n"}, {"variant": "v"}, {"task": "seg"}])
def test_runs_that_reports_do_not_average_may_have_gates_of_their_own(cli, change):
    masks = None
    if "task" in change:
        masks = np.zeros((4, 24, 16, 16), dtype=bool)
        masks[:, 12:, 4:8, 4:12] = True
    one, other = run_of(*FOUR), run_of(*FOUR, seed=1, masks=masks, **change)
    for folder in (one, other):
        assert cli("fuse", "--run", folder.name, "--rule", "gate").code == 0
        assert {cell.run_id for cell in gate_of(folder, "tile").cells} == {folder.name}


def test_a_gate_that_is_trained_anew_is_kept_also_where_its_numbers_are_the_same(cli):
    folder = run_of(*FOUR)
    assert cli("fuse", "--rule", "gate-hard").code == 0
    document = run_folder.read_category_gate(folder, "tile", "gate_hard")
    result = run_folder.read_category(folder, "tile")
    result.gates = {"gate_hard": document | {"hold_out": "dataset"}}
    run_folder.write_category(folder, result, replace_existing=True, keep_rest=True)
    assert cli("fuse", "--rule", "gate-hard").code == 4
    assert cli("fuse", "--rule", "gate-hard", "--replace").code == 0
    assert run_folder.read_category_gate(folder, "tile", "gate_hard") == document


def test_a_gate_is_named_by_a_function_too():
    folder = run_of(*FOUR)
    promptad_db.fuse(folder, "gate", name="mine")
    assert "gate_mine" in run_folder.read_category(folder, "tile").scores
    assert recipes(["gate-hard"], "rank", name="b")[0].branch == "gate_hard_rank_b"


@pytest.mark.parametrize(
    ("rule", "name"), [("max", "mine"), ("gate", "hard"), ("gate", "rank"), ("gate", " "), ("gate", "")]
)
def test_a_name_that_would_be_another_branch_is_refused(rule, name):
    with pytest.raises(UsageError, match="name"):
        recipes([rule], name=name)


def test_a_hold_out_is_for_gates(cli):
    run_of(*FOUR)
    answer = cli("fuse", "--rule", "mean", "--hold-out", "dataset")
    assert answer.code == 2
    assert "--hold-out is for gate and gate-hard" in answer.err


def test_a_copy_of_a_dataset_under_another_name_trains_no_gate_of_it(cli):
    folder = run_of(*FOUR)
    copy = run_of("fliese", "holz", "raster", "teppich", dataset="copy", random_seed=0)
    run_of("pcb1", "pcb2", dataset="visa", seed=1)
    answer = cli("fuse", "--rule", "gate")
    assert answer.code == 0, answer.err
    assert "copy and mvtec hold the same images" in answer.err
    assert trained_on(folder, "tile") == {
        *(("mvtec", name) for name in FOUR[1:]), ("copy", "holz"), ("copy", "raster"), ("copy", "teppich"),
        ("visa", "pcb1"), ("visa", "pcb2"),
    }  # fmt: skip
    assert cli("fuse", "--rule", "gate", "--hold-out", "dataset", "--name", "wide").code == 0
    for place, category in ((folder, "tile"), (copy, "holz")):
        assert trained_on(place, category, "gate_wide") == {("visa", "pcb1"), ("visa", "pcb2")}


def test_a_category_with_another_case_is_the_same(cli):
    folder = run_of(*FOUR)
    run_of("Tile", "screw", dataset="other", seed=1)
    assert cli("fuse", "--rule", "gate").code == 0
    assert ("other", "screw") in trained_on(folder, "tile")
    assert ("other", "Tile") not in trained_on(folder, "tile")


def example(category, dataset, scores, masks=None, images=None):
    result = CategoryResult(category, images or [f"{index}.png" for index in range(len(scores))])
    result.labels = np.arange(len(scores)) % 2
    result.scores = {"semantic": np.asarray(scores, float), "memory": np.asarray(scores, float) / 2}
    result.masks = masks
    return GateExample(GateCell("r", dataset, category, 1, 1, "cls"), {}, None, content_of(result))


RANDOM = np.random.default_rng(0)
MASKS = RANDOM.random((8, 6, 6)) > 0.5


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # the same scores in another order, and of half of the images
        (example("a", "x", range(8)), example("b", "y", [*range(7, -1, -1)]), True),
        (example("a", "x", range(8)), example("b", "y", [0, 1, 2, 30, 40, 50]), True),
        (example("a", "x", range(8)), example("b", "y", [0, 1, 2, 30, 40, 50, 60]), False),
        (example("a", "x", range(2)), example("b", "y", range(2), images=["p", "q"]), False),
        # scores that many images have tell nothing
        (example("a", "x", [0.5] * 8), example("b", "y", [0.5] * 8), False),
        # other scores, the same masks of anomalous images
        (example("a", "x", range(8), MASKS), example("b", "y", range(10, 18), MASKS), True),
        (example("a", "x", range(8), MASKS), example("b", "y", range(10, 18), ~MASKS), False),
        (example("a", "x", range(8), MASKS[:1].repeat(8, 0)), example("b", "y", range(10, 18), MASKS[:1].repeat(8, 0)), False),
        # other scores, no masks: the same list of images under the same name
        (example("a", "x", range(8)), example("A", "y", range(10, 18)), True),
        (example("a", "x", range(8)), example("b", "y", range(10, 18)), False),
        (example("a", "x", range(8)), example("a", "y", range(10, 17)), False),
        # one dataset holds no category twice
        (example("a", "x", range(8)), example("b", "x", range(8)), False),
    ],
)  # fmt: skip
def test_images_are_the_same_by_scores_masks_or_their_list(one, other, same):
    named = SameImages([one, other]).named
    assert (named(one.cell).category == named(other.cell).category) == (
        same or one.cell.category == other.cell.category
    )
    assert (named(one.cell).dataset == named(other.cell).dataset) == (same or one.cell.dataset == other.cell.dataset)


def test_the_same_images_under_three_names_have_one():
    examples = [
        example(name, name, range(start, start + 8)) for name, start in (("a", 0), ("c", 8), ("b", 4), ("d", 90))
    ]
    named = [SameImages(examples).named(one.cell).dataset for one in examples]
    assert len(set(named[:3])) == 1
    assert named[3] == "d"


def test_one_cause_is_one_line_with_its_count_and_an_example(cli):
    for seed in range(3):
        with start_run(dataset="mvtec", task="cls", k_shot=1, seed=seed, method="m", experiment="e") as run:
            for category in FOUR:
                branches = {"memory": [0.1, 0.2], "extra" if seed else "more": [0.3, 0.4]}
                run.log_category(category, images=["a", "b"], branches=branches, labels=[0, 1])
    answer = cli("fuse", "--rule", "max,mean")
    assert answer.code == 4
    [line] = [line for line in answer.err.splitlines() if line.startswith("rejected: ")]
    first = min(Path("runs").resolve().iterdir()) / "carpet"
    assert (
        line == f"rejected: 12 times, first in {first}: has no scores of branch semantic; its branches are memory, more"
    )
    with pytest.raises(InputError, match=r"4 times, first in .*has no scores of branch semantic"):
        promptad_db.fuse(run.folder, "max")


def test_numbers_that_differ_are_one_cause_whatever_the_numbers(cli):
    folder = run_of(*FOUR)
    promptad_db.fuse(folder, lambda semantic, _memory: semantic, name="mine")
    with pytest.raises(
        InputError, match=r"4 times, first in .*carpet: mine: branch mine is there with other numbers"
    ) as error:
        promptad_db.fuse(folder, lambda _semantic, memory: memory, name="mine")
    assert str(error.value).count("other numbers") == 1
    with pytest.raises(InputError, match=r"4 times, first in .*calibrated by zscore-normal"):
        promptad_db.fuse(folder, "max", calibrate="zscore-normal")


def test_two_causes_are_two_lines_and_one_place_names_all_its_branches():
    places = [Path("a"), Path("b")]
    rejections = [
        Rejection(place, f"no scores {place}", "no scores", branch) for place in places for branch in ("max", "mean")
    ]
    rejections.append(Rejection(places[0], "a: broken", "a: broken"))
    assert list(lines_of(rejections)) == ["2 times, first in a: max, mean: no scores a", "a: broken"]
    assert list(lines_of(rejections[:2])) == ["a: max, mean: no scores a"]


def test_files_that_cannot_be_read_have_the_systems_cause(monkeypatch, cli):
    folder = run_of(*FOUR)

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr("promptad_db.run_folder.folder.write_category_files", full)
    answer = cli("fuse", folder, "--rule", "mean")
    assert answer.code == 4
    assert [line for line in answer.err.splitlines() if "No space" in line] == [
        line for line in answer.err.splitlines() if line.startswith("rejected: 4 times, first in ")
    ]


def test_reported_numbers_are_passed_over_once_a_cause_and_change_no_exit_code(cli, make_run):
    run_of("tile")
    for seed in (1, 2):
        promptad_db.ingest(
            make_run({"tile": {"semantic": 0.5}, "wood": {"semantic": 0.5}}, task="cls", method="m", seed=seed)
        )
    answer = cli("fuse", "--rule", "mean")
    assert answer.code == 0
    [line] = [line for line in answer.err.splitlines() if line.startswith("skipped: ")]
    assert line.startswith("skipped: 2 times, first in ")
    assert "2 categories hold reported numbers alone" in line


@pytest.mark.parametrize("calibrate", ["none", "minmax"])
def test_by_type_says_that_it_cannot_beat_max_on_images_and_it_never_does(cli, calibrate):
    folder = run_of(*FOUR)
    answer = cli("fuse", "--rule", "by-type,max", "--calibrate", calibrate)
    bound = "its image AUROC cannot beat that of max: normal images score max, anomalous ones max or less"
    assert answer.err.count(bound) == 1
    suffix = "" if calibrate == "none" else "_minmax"
    for category in FOUR:
        result = run_folder.read_category(folder, category)
        by_type, highest = (next(one for one in result.metrics if (one.branch, one.metric) == (f"{rule}{suffix}", "auroc"))
                            for rule in ("by_type", "max"))  # fmt: skip
        assert by_type.value <= highest.value
        assert bound in by_type.note
        assert bound not in (highest.note or "")
    assert bound not in cli("fuse", "--rule", "mean").err


def test_a_run_whose_folder_is_gone_does_not_keep_gates_apart(cli):
    one, other = run_of(*FOUR), run_of(*FOUR, seed=1)
    assert cli("fuse", "--run", one.name, "--rule", "gate").code == 0
    shutil.rmtree(one)
    assert cli("fuse", "--run", other.name, "--rule", "gate").code == 0
