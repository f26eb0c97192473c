"""`promptad-db fuse`: new branches from stored scores, exact, once, whole, and never with the category's own labels unsaid."""

import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import promptad_db
from promptad_db import open_db, run_folder, start_run
from promptad_db.errors import DatabaseError, InputError, NoRowsError, UsageError
from promptad_db.fusing import runs as fused_runs
from promptad_db.fusion.gate import gate_of_document
from promptad_db.metrics import render

DEFECTS = ("good", "good", "good", "rough", "broken_large", "flip")
ELEMENTWISE = ("max", "harmonic", "mean", "weighted_0.3")


def read_gate(folder, category, branch="gate"):
    return gate_of_document(run_folder.read_category_gate(folder, category, branch))


def measured_run(*categories, task="seg", seed=0, fusions=(), shift=0.0, **fields):
    """A run of both branches, each better on some images; its folder."""
    arguments = {"dataset": "mvtec", "k_shot": 1, "seed": seed, "method": "m", "experiment": "e", **fields}
    with start_run(task=task, fusions=fusions, render=(24, 24), **arguments) as run:
        for number, category in enumerate(categories):
            random = np.random.default_rng([seed, number])
            masks = np.zeros((24, 24, 24), dtype=bool)
            masks[12:, 4:12, 8:20] = True
            found = masks[:, 2::4, 2::4] * random.uniform(0, 0.5, (24, 1, 1))
            branches = {
                "semantic": random.random((24, 6, 6)) + found - shift,
                "memory": 0.4 * random.random((24, 6, 6)) + found[::-1][:, ::-1] * 0.2 + 0.5 * found,
            }
            if task == "cls":
                branches = {name: maps.max(axis=(1, 2)) for name, maps in branches.items()}
            run.log_category(
                category,
                images=[f"{index:03}.png" for index in range(24)],
                branches=branches,
                labels=masks.any(axis=(1, 2)),
                masks=masks if task == "seg" else None,
                defect_types=[DEFECTS[index // 4] for index in range(24)],
            )
    return run.folder


def numbers(folder, category, branch, level="pixel"):
    result = run_folder.read_category(folder, category)
    return {one.metric: one.value for one in result.metrics if (one.branch, one.level) == (branch, level)}


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("task", ["seg", "cls"])
def test_max_and_harmonic_equal_the_runs_own_to_the_last_bit(cli, task):
    own = run_folder.read_category(measured_run("tile", task=task, fusions=("max", "harmonic")), "tile")
    folder = measured_run("tile", task=task, method="bare")
    assert cli("fuse", "--run", folder.name, "--rule", "max,harmonic").code == 0
    fused = run_folder.read_category(folder, "tile")
    assert {repr(one) for one in fused.metrics} == {repr(one) for one in own.metrics}
    assert list(fused.scores) == list(own.scores)
    for branch, scores in own.scores.items():
        assert np.array_equal(fused.scores[branch], scores)
    assert set(fused.maps) == set(own.maps)


def test_the_numbers_are_in_the_database_beside_the_folder(cli):
    folder = measured_run("tile", "wood")
    answer = cli("fuse", "--rule", "mean,weighted:0.3", "--rule", "rank-mean")
    assert (answer.code, answer.out) == (0, "")
    assert "6 branches fused in 2 categories of 1 runs" in answer.err
    query = (
        "SELECT branch, value FROM metrics WHERE category = 'wood' AND level = 'pixel' AND metric = 'aupro' ORDER BY 1"
    )
    stored = dict(open_db().query(query).rows)
    assert set(stored) == {"semantic", "memory", "mean", "weighted_0.3", "rank_mean"}
    assert stored["mean"] == numbers(folder, "wood", "mean")["aupro"]


def test_the_second_fusion_changes_nothing(cli):
    folder = measured_run("tile", "wood", "grid")
    arguments = ("fuse", "--rule", "max,mean,rank-mean,oracle,by-type,gate,gate-hard")
    assert cli(*arguments).code == 0
    before = contents(folder)
    answer = cli(*arguments)
    assert answer.code == 0
    assert "nothing new (21 known already)" in answer.err
    assert contents(folder) == before


def test_rules_that_know_too_much_are_named_on_stderr_and_marked_in_reports(cli):
    measured_run("tile")
    answer = cli("fuse", "--rule", "max,oracle,by-type")
    assert "oracle: upper bound: uses the labels" in answer.err
    assert "by_type: fused from" in answer.err
    assert "oracle†" in cli("report", "--section", "fusion").out
    assert cli("fuse", "--rule", "oracle", "--calibrate", "minmax").code == 0
    assert "oracle_minmax†" in cli("report", "--section", "fusion").out


@pytest.mark.parametrize("task", ["seg", "cls"])
def test_no_rule_between_the_branches_beats_the_oracle(cli, task):
    folder = measured_run("tile", "wood", "grid", task=task)
    assert cli("fuse", "--rule", "max,harmonic,mean,weighted:0.3,oracle,by-type,gate,gate-hard").code == 0
    for level in ("image", "pixel")[: 1 + (task == "seg")]:
        bound = numbers(folder, "tile", "oracle", level)
        for branch in ("semantic", "memory", *ELEMENTWISE, "by_type", "gate", "gate_hard"):
            assert numbers(folder, "tile", branch, level)["auroc"] <= bound["auroc"] + 1e-9, (level, branch)


def test_the_oracle_takes_the_higher_branch_of_anomalous_images_and_the_lower_of_normal_ones():
    folder = measured_run("tile", task="cls")
    promptad_db.fuse(folder, "oracle")
    result = run_folder.read_category(folder, "tile")
    semantic, memory = result.scores["semantic"], result.scores["memory"]
    wanted = np.where(result.labels == 1, np.maximum(semantic, memory), np.minimum(semantic, memory))
    assert np.array_equal(result.scores["oracle"], wanted)


def test_maps_are_fused_on_the_grid_and_rendered_as_the_run_says():
    folder = measured_run("tile")
    promptad_db.fuse(folder, "mean")
    result = run_folder.read_category(folder, "tile")
    pixels = render((result.maps["semantic"] + result.maps["memory"]) / 2, 24, 24, gaussian_sigma=4.0)
    assert numbers(folder, "tile", "mean")["auroc"] == pytest.approx(
        roc_auc_score(result.masks.ravel(), pixels.ravel()), abs=1e-12
    )


def test_by_type_follows_the_defect_type():
    folder = measured_run("tile", task="cls")
    promptad_db.fuse(folder, "by-type")
    scores = run_folder.read_category(folder, "tile").scores
    rough, broken, rest = slice(12, 16), slice(16, 20), np.r_[0:12, 20:24]
    assert np.array_equal(scores["by_type"][rough], scores["memory"][rough])
    assert np.array_equal(scores["by_type"][broken], scores["semantic"][broken])
    assert np.array_equal(scores["by_type"][rest], np.maximum(scores["semantic"], scores["memory"])[rest])


def test_a_calibration_puts_both_branches_on_one_scale_first():
    folder = measured_run("tile", task="cls")
    promptad_db.fuse(folder, "mean", calibrate="minmax")
    scores = run_folder.read_category(folder, "tile").scores
    scaled = [(scores[name] - scores[name].min()) / np.ptp(scores[name]) for name in ("semantic", "memory")]
    assert scores["mean_minmax"] == pytest.approx(sum(scaled) / 2)


def test_zscore_normal_takes_the_shots_own_scores_or_says_that_there_are_none(cli):
    folder = measured_run("tile")
    answer = cli("fuse", "--rule", "max", "--calibrate", "zscore-normal")
    assert answer.code == 4
    assert (
        "branch semantic cannot be calibrated by zscore-normal: the scores of its K shots are not stored" in answer.err
    )
    result = run_folder.read_category(folder, "tile")
    shots = np.random.default_rng(0).random((1, 6, 6)).astype(np.float32)
    result.weights = {"shots_semantic": shots, "shots_memory": shots, "gallery_1": np.ones((2, 2), np.float32)}
    run_folder.write_category(folder, result, replace_existing=True)
    assert cli("fuse", "--rule", "max", "--calibrate", "zscore-normal").code == 0
    highest = run_folder.read_category(folder, "tile").scores
    higher = np.maximum(highest["semantic"], highest["memory"])
    wanted = (higher - shots.mean()) / shots.std(ddof=1)
    assert highest["max_zscore_normal"] == pytest.approx(wanted, rel=1e-5)
    assert set(run_folder.read_category_weights(folder, "tile")) == set(result.weights)


def test_a_function_of_ones_own_is_a_rule_with_a_name():
    folder = measured_run("tile")
    outcome = promptad_db.fuse(folder.name, lambda semantic, memory: semantic**2 + memory, name="squared")
    assert (outcome.added, outcome.unchanged) == (1, 0)
    result = run_folder.read_category(folder, "tile")
    assert np.array_equal(result.maps["squared"], result.maps["semantic"] ** 2 + result.maps["memory"])
    assert set(numbers(folder, "tile", "squared")) == {"auroc", "ap", "f1_max", "aupro"}
    with pytest.raises(InputError, match=r"(?s)tile: worse: the rule makes the shape"):
        promptad_db.fuse(folder, lambda semantic, _memory: semantic[0], name="worse")
    with pytest.raises(UsageError, match="name"):
        promptad_db.fuse(folder, "max", name="mine")
    assert "worse" not in run_folder.read_category(folder, "tile").scores


def test_other_numbers_of_a_branch_need_replace(cli):
    folder = measured_run("tile")
    promptad_db.fuse(folder, lambda semantic, _memory: semantic, name="mine")
    with pytest.raises(InputError, match=r"mine: branch mine is there with other numbers \(.*--replace"):
        promptad_db.fuse(folder, lambda _semantic, memory: memory, name="mine")
    assert numbers(folder, "tile", "mine") == numbers(folder, "tile", "semantic")
    assert promptad_db.fuse(folder, lambda _semantic, memory: memory, name="mine", replace=True).added == 1
    assert numbers(folder, "tile", "mine") == numbers(folder, "tile", "memory")
    query = "SELECT COUNT(*) FROM metrics WHERE branch = 'mine' AND level = 'pixel' AND metric = 'auroc'"
    assert open_db().query(query).rows == [(1,)]


@pytest.mark.parametrize("task", ["seg", "cls"])
def test_permuting_the_labels_of_a_category_changes_nothing_of_its_gate(cli, task):
    scores, maps, gates = [], [], []
    for permuted in (False, True):
        folder = measured_run("tile", "wood", "grid", task=task, experiment=str(permuted))
        if permuted:
            result = run_folder.read_category(folder, "tile")
            order = np.random.default_rng(5).permutation(24)
            result.labels = result.labels[order]
            result.masks = None if result.masks is None else result.masks[order]
            result.metrics = []
            run_folder.write_category(folder, result, replace_existing=True)
        assert cli("fuse", folder, "--rule", "gate,gate-hard").code == 0
        fused = run_folder.read_category(folder, "tile")
        scores.append([fused.scores[branch] for branch in ("gate", "gate_hard")])
        maps.append([fused.maps.get(branch) for branch in ("gate", "gate_hard")])
        gates.append(replace(read_gate(folder, "tile"), cells=()))
    assert np.array_equal(scores[0], scores[1])
    assert all(np.array_equal(one, other) for one, other in zip(*maps, strict=True))
    assert gates[0] == gates[1]


def test_a_gate_is_kept_with_what_it_learned_from_and_its_share(cli):
    folder = measured_run("tile", "wood", "grid")
    more = measured_run("tile", "wood", "grid", seed=1)
    assert cli("fuse", "--rule", "gate,gate-hard").code == 0
    gate = read_gate(folder, "tile")
    assert {(one.run_id, one.category) for one in gate.cells} == {
        (run.name, category) for run in (folder, more) for category in ("wood", "grid")
    }
    result = run_folder.read_category(folder, "tile")
    for branch in ("gate", "gate_hard"):
        share = numbers(folder, "tile", branch)["semantic_share"]
        assert 0 <= share <= 1
        notes = {one.note for one in result.metrics if one.branch == branch}
        assert all("supervised by the labels of" in note and "other categories" in note for note in notes)
    picked = np.where(
        np.isclose(result.scores["gate_hard"], result.scores["semantic"]),
        result.scores["semantic"],
        result.scores["memory"],
    )
    assert np.array_equal(result.scores["gate_hard"], picked)
    assert not any(path.suffix in (".pkl", ".joblib") for path in folder.rglob("*"))
    with pytest.raises(InputError, match=r"gate_minmax\.json"):
        read_gate(folder, "tile", "gate_minmax")


def test_a_gate_may_hold_out_a_whole_data_set(cli):
    folder = measured_run("tile", "wood")
    measured_run("pcb1", "pcb2", dataset="visa", seed=1)
    assert cli("fuse", "--rule", "gate", "--hold-out", "dataset").code == 0
    assert {one.dataset for one in read_gate(folder, "tile").cells} == {"visa"}
    assert "none of this dataset" in read_gate(folder, "tile").note()


def test_a_gate_learns_from_all_categories_of_the_runs_whichever_are_fused(cli):
    folder = measured_run("tile", "wood", "grid")
    assert cli("fuse", "--rule", "gate", "--category", "tile").code == 0
    assert numbers(folder, "tile", "gate")
    assert not numbers(folder, "wood", "gate")


def test_a_gate_without_other_categories_says_so_and_the_other_rules_are_fused(cli):
    folder = measured_run("tile", "wood")
    answer = cli("fuse", "--rule", "gate,mean")
    assert answer.code == 4
    assert (
        "gate: a gate learns on other categories, at least 2 with both classes; the selected runs hold 1" in answer.err
    )
    assert numbers(folder, "tile", "mean")


def test_what_cannot_be_fused_is_named_and_everything_else_is(cli, make_run):
    whole, lost = measured_run("tile"), measured_run("wood", seed=1)
    negative = measured_run("grid", seed=2, shift=1.0)
    reported = make_run({"zipper": {"semantic": 0.5, "memory": 0.6}})
    with start_run(dataset="mvtec", task="cls", k_shot=1, seed=3, method="m", experiment="e") as alone:
        alone.log_category("pill", images=["a", "b"], branches={"memory": [0.1, 0.2]}, labels=[0, 1])
    promptad_db.ingest(reported)
    shutil.rmtree(lost)
    answer = cli("fuse", "--rule", "harmonic,mean", "--experiment", "e")
    assert answer.code == 4
    assert f"rejected: {lost.resolve()}: its folder is gone" in answer.err
    assert "harmonic: harmonic fusion is for scores of zero and above" in answer.err
    assert "pill: has no scores of branch semantic; its branches are memory" in answer.err
    assert f"skipped: {reported.resolve()}: 1 categories hold reported numbers alone" in answer.err
    assert "3 branches fused in 2 categories" in answer.err
    assert set(numbers(whole, "tile", "harmonic")) == {"auroc", "ap", "f1_max", "aupro"}
    assert numbers(negative, "grid", "mean")


def test_a_folder_that_moved_is_found_where_run_folders_are(cli, tmp_path):
    folder = measured_run("tile")
    (tmp_path / "there").mkdir()
    shutil.move(folder, tmp_path / "there" / folder.name)
    assert cli("fuse", "--rule", "mean", "--runs", tmp_path / "there").code == 0
    assert open_db().query("SELECT folder FROM runs").rows == [(str(tmp_path / "there" / folder.name),)]


def test_a_folder_given_twice_is_fused_once(cli):
    folder = measured_run("tile")
    answer = cli("fuse", folder, Path("runs", "..", "runs", folder.name), "--rule", "mean")
    assert answer.code == 0
    assert "1 branches fused in 1 categories of 1 runs" in answer.err


def test_an_empty_selection_is_exit_code_five(cli, make_run):
    assert cli("fuse", "--rule", "mean").code == 3
    folder = measured_run("tile")
    assert cli("fuse", "--rule", "mean", "--dataset", "visa").code == 5
    assert cli("fuse", "--rule", "mean", "--run", "nobody").code == 5
    assert cli("fuse", "--rule", "mean", "--category", "wood").code == 5
    reported = make_run({"tile": {"semantic": 0.5}})
    with pytest.raises(NoRowsError, match="reported numbers alone"):
        promptad_db.fuse(reported, "max")
    assert cli("fuse", folder, "--rule", "mean", "--dataset", "mvtec").code == 2
    assert cli("fuse", folder.parent, "--rule", "mean").code == 4
    assert cli("fuse", folder).code == 2


def test_one_class_and_ties_are_as_everywhere(cli):
    with start_run(dataset="mvtec", task="cls", k_shot=1, seed=1, method="m", fusions=()) as run:
        branches = {"semantic": [0.5, 0.5, 0.5], "memory": [0.2, 0.2, 0.2]}
        run.log_category("tile", images=["a", "b", "c"], branches=branches, labels=[0, 0, 0])
        run.log_category("wood", images=["a", "b", "c"], branches=branches, labels=[0, 1, 1])
    assert cli("fuse", "--rule", "max,mean,oracle,rank-mean").code == 0
    assert cli("fuse", "--rule", "max", "--calibrate", "minmax").code == 0
    assert set(numbers(run.folder, "tile", "mean", "image").values()) == {None}
    for branch in ("max", "mean", "rank_mean", "max_minmax"):
        assert numbers(run.folder, "wood", branch, "image")["auroc"] == 0.5
    assert numbers(run.folder, "wood", "oracle", "image")["auroc"] == 1
    assert "known already" in cli("fuse", "--rule", "max,mean,oracle,rank-mean").err


def test_a_failed_write_leaves_the_category_as_it_was(monkeypatch):
    folder = measured_run("tile")
    before = contents(folder / "tile")

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("promptad_db.run_folder.folder.write_category_files", full)
    with pytest.raises(InputError, match="No space left"):
        promptad_db.fuse(folder, "mean")
    assert contents(folder / "tile") == before
    assert [path.name for path in folder.iterdir() if ".tmp-" in path.name or ".old-" in path.name] == []


def _fuse_and_die(folder):
    import os

    rename = Path.rename

    def dies(path, target):
        if ".tmp-" in path.name:
            os._exit(9)
        return rename(path, target)

    Path.rename = dies
    promptad_db.fuse(folder, "mean")


@pytest.mark.parametrize("next_command", ["fuse", "rebuild"])
def test_a_fusion_that_was_killed_between_two_renames_is_mended_by_the_next_command(cli, next_command):
    folder = measured_run("tile")
    before = contents(folder / "tile")
    process = multiprocessing.get_context("spawn").Process(target=_fuse_and_die, args=(folder,))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert not (folder / "tile").exists()
    assert run_folder.list_categories(folder) == ["tile"]
    assert run_folder.read_category(folder, "tile").scores
    if next_command == "rebuild":
        assert cli("rebuild").code == 0
        assert contents(folder / "tile") == before
        assert open_db().query("SELECT DISTINCT category FROM metrics").rows == [("tile",)]
    assert promptad_db.fuse(folder, "mean").added == 1
    assert numbers(folder, "tile", "mean")


def test_a_locked_database_keeps_the_folders_and_says_how_to_finish(cli, monkeypatch):
    from promptad_db.storage.lock import locked

    folder = measured_run("tile")
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.1")
    with locked(Path("promptad.duckdb"), exclusive=True), pytest.raises(DatabaseError, match="ingest --replace"):
        promptad_db.fuse(folder, "mean")
    assert numbers(folder, "tile", "mean")
    assert cli("fuse", folder, "--rule", "mean").code == 0
    assert open_db().query("SELECT COUNT(*) FROM metrics WHERE branch = 'mean'").rows == [(7,)]


def test_two_fusions_of_one_run_at_once_lose_nothing():
    folder = measured_run("tile")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=promptad_db.fuse, args=(folder, rule)) for rule in ("mean", "max")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert numbers(folder, "tile", "mean")
    assert numbers(folder, "tile", "max")


def test_the_real_scores_reproduce_what_was_reported(cli, shared_gate):
    promptad_db.ingest(shared_gate)
    for folder in run_folder.find_runs(Path("runs")):
        for category in run_folder.list_categories(folder):
            result = run_folder.read_category(folder, category)
            result.metrics = [one for one in result.metrics if one.provenance != "exact"]
            for branch in ("max", "harmonic"):
                result.scores.pop(branch, None)
            run_folder.write_category(folder, result, replace_existing=True)
    assert cli("fuse", "--task", "cls", "--k-shot", "1", "--rule", "max,harmonic").code == 0
    assert cli("fuse", "--task", "cls", "--k-shot", "1", "--rule", "harmonic", "--float16").code == 0
    query = """
        SELECT reported.branch, exact.branch, 100 * ABS(exact.value - reported.value)
        FROM metrics AS reported
        JOIN metrics AS exact ON exact.run_id = reported.run_id AND exact.category = reported.category
        WHERE reported.provenance = 'reported' AND exact.provenance = 'exact' AND exact.metric = 'auroc'
            AND reported.metric = 'auroc' AND exact.branch IN (reported.branch, CONCAT(reported.branch, '_float16'))
            AND reported.branch IN ('max', 'harmonic')
    """
    differences = {}
    for reported, exact, points in open_db().query(query).rows:
        assert exact.startswith(reported)
        differences.setdefault(exact, []).append(points)
    assert {branch: len(points) for branch, points in differences.items()} == {
        "max": 10,
        "harmonic": 10,
        "harmonic_float16": 10,
    }
    assert max(differences["max"]) <= 1e-9
    assert max(differences["harmonic_float16"]) <= 1e-9
    assert max(differences["harmonic"]) <= 0.1


def test_all_touched_runs_are_indexed_in_one_transaction(monkeypatch):
    from promptad_db.db.index import write

    folders = [measured_run("tile", seed=seed) for seed in range(3)]
    written = []
    original = write._write_batch
    monkeypatch.setattr(write, "ROWS_A_TRANSACTION", 1)
    monkeypatch.setattr(
        write, "_write_batch", lambda *given, **options: written.append(given[1]) or original(*given, **options)
    )
    from promptad_db.db import database_path
    from promptad_db.fusing import fuse_folders
    from promptad_db.fusion.recipes import recipes

    fuse_folders(folders, recipes(["mean"]), database_path(), fused_runs.FuseOptions())
    assert [len(batch) for batch in written] == [3]


def test_a_gate_json_is_plain(cli):
    folder = measured_run("tile", "wood", "grid")
    assert cli("fuse", "--rule", "gate", "--calibrate", "rank").code == 0
    stored = json.loads((folder / "tile" / "gate_rank.json").read_text())
    assert stored["format"] == 1
    assert len(stored["coefficients"]) == len(stored["signals"]) == len(stored["means"]) == len(stored["scales"])
