"""The fork layout: three kinds of files tell the same cells, and whatever cannot be trusted is named while the rest is taken."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from promptad_db import ingest, open_db, run_folder
from promptad_db.ingestion.readers import ImportOptions, gate

GATE = Path(__file__).resolve().parents[2] / "shared" / "data" / "gate"
needs_data = pytest.mark.skipif(
    not GATE.is_dir(), reason="the measured data (shared/data/gate) is not beside the project"
)

LABELS = [0, 0, 0, 1, 1, 1]
SEMANTIC = [0.1, 0.3, 0.2, 0.4, 0.25, 0.6]
MEMORY = [0.2, 0.1, 0.5, 0.3, 0.7, 0.6]
AUROCS = {"semantic": 88.88, "memory": 77.7, "max": 90.5, "harmonic": 91.25, "oracle": 100.0}


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def results(root, category="carpet", task="cls", aurocs=AUROCS, **place):
    short = {"cls": "i_roc", "seg": "p_roc"}[task]
    content = {mode: {short: value} for mode, value in aurocs.items()} if isinstance(aurocs, dict) else aurocs
    folder = root / place.get("dataset", "mvtec") / f"k_{place.get('k_shot', 1)}" / "gate_results"
    return write_json(folder / f"{category}_seed{place.get('seed', 111)}_{task}.json", content)


def metadata(root, category="carpet", task="cls", mode="max", content=None, **changes):
    scores = {"semantic_scores": SEMANTIC, "memory_scores": MEMORY, "labels": LABELS} | changes
    content = {key: value for key, value in scores.items() if value is not None} if content is None else content
    return write_json(root / "mvtec" / "k_1" / "metadata" / task / f"{category}_seed111_{mode}.json", content)


def table(root, rows):
    """A full_results.csv of (class, task, mode, auroc, more columns)."""
    columns = ["dataset", "class", "k_shot", "task", "mode", "auroc", "semantic_auroc", "memory_auroc", "gap"]
    columns += ["oracle_semantic_ratio", "oracle_memory_ratio"]
    root.mkdir(parents=True, exist_ok=True)
    path = root / "full_results.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for category, task, mode, auroc, *more in rows:
            row = {"dataset": "mvtec", "class": category, "k_shot": 1, "task": task, "mode": mode, "auroc": auroc}
            writer.writerow(row | (more[0] if more else {}))
    return path


def taken(*paths, **options):
    replace = options.pop("replace", False)
    return ingest(*paths, db="p.duckdb", options=ImportOptions(**options), replace=replace)


def query(sql, **params):
    return open_db("p.duckdb").query(sql, **params).rows


def values(provenance, category="carpet"):
    """The AUROCs of a category by branch."""
    return dict(
        query(
            "SELECT branch, value FROM metrics WHERE metric = 'auroc' AND provenance = :provenance AND category = :category",
            provenance=provenance,
            category=category,
        )
    )


def categories():
    return [name for (name,) in query("SELECT DISTINCT category FROM run_categories ORDER BY 1")]


def read(root):
    """The categories that the reader finds below a folder, and every file it rejects with the reason."""
    rejected = []
    paths = [path for path in root.rglob("*") if path.is_file() and gate.recognise(path)]
    runs = list(gate.read(paths, ImportOptions(), lambda path, reason: rejected.append((path, reason))))
    return {category: result for run in runs for category, result in run.categories.items()}, rejected


def rejected_alone(root, path, reason, *others):
    """One file is rejected for this reason, and the sound category beside it is taken."""
    found, rejected = read(root)
    assert [where for where, _ in rejected] == [path]
    assert reason in rejected[0][1]
    assert sorted(found) == sorted(["grid", *others])
    assert {metric.branch: metric.value for metric in found["grid"].metrics}["max"] == pytest.approx(0.905)
    return rejected[0][1]


@pytest.fixture
def root(tmp_path):
    """A fork's folder with one sound category, grid."""
    folder = tmp_path / "my fork"
    results(folder, "grid")
    return folder


@needs_data
def test_the_public_run_is_810_reported_numbers_and_162_estimates_in_12_runs(gate_place):
    database = open_db(gate_place / "promptad.duckdb")
    assert database.query("SELECT COUNT(*) FROM runs").rows == [(12,)]
    counts = dict(database.query("SELECT provenance, COUNT(*) FROM metrics WHERE metric = 'auroc' GROUP BY 1").rows)
    assert counts == {"reported": 810, "approx": 162, "exact": 40}
    runs = database.query(
        "SELECT DISTINCT experiment, method, variant, seed, selection, source_kind, status FROM runs"
    ).rows
    assert runs == [("gate", "PromptAD", "baseline", 111, "best_on_test", "gate", "finished")]
    cells = database.query(
        "SELECT dataset, k_shot, task, COUNT(*) FROM runs JOIN run_categories USING (run_id) GROUP BY ALL"
    )
    assert {(row[0], row[3]) for row in cells.rows} == {("mvtec", 15), ("visa", 12)}


@needs_data
def test_the_exact_numbers_of_the_public_scores_equal_the_reported_ones(gate_place):
    rows = open_db(gate_place / "promptad.duckdb").query(
        "SELECT exact.category, exact.branch, exact.value, told.value FROM metrics AS exact JOIN metrics AS told"
        " USING (run_id, category, branch, level, metric) WHERE metric = 'auroc'"
        " AND exact.provenance = 'exact' AND told.provenance = 'reported' AND branch IN ('semantic', 'max')"
    )
    assert len({row[0] for row in rows.rows}) == 10
    assert len(rows.rows) == 20
    assert max(abs(exact - told) * 100 for _, _, exact, told in rows.rows) <= 1e-9


@needs_data
def test_what_is_called_oracle_in_seg_is_no_oracle_and_in_cls_an_upper_bound(gate_place):
    oracles = open_db(gate_place / "promptad.duckdb").query(
        "SELECT level, branch, COUNT(*), MIN(note), COUNT(note) FROM metrics WHERE branch LIKE '%oracle%' GROUP BY ALL"
    )
    found = {row[:3]: row[3:] for row in oracles.rows}
    assert set(found) == {("image", "oracle", 81), ("pixel", "reported_oracle", 81)}
    assert "upper bound" in found["image", "oracle", 81][0]
    assert "where it equals max" in found["pixel", "reported_oracle", 81][0]
    assert {counted for _, counted in found.values()} == {81}


@needs_data
def test_the_estimates_are_those_of_the_max_rows_and_stay_estimates(gate_place):
    with (GATE / "full_results.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["task"], row["mode"]) == ("seg", "max")]
    told = {
        (row["dataset"], row["class"], int(row["k_shot"]), branch): float(row[f"{branch}_auroc"]) / 100
        for row in rows
        for branch in ("semantic", "memory")
    }
    stored = open_db(gate_place / "promptad.duckdb").query(
        "SELECT dataset, category, k_shot, branch, value FROM metrics JOIN runs USING (run_id)"
        " WHERE provenance = 'approx' AND level = 'pixel'"
    )
    assert {row[:4]: row[4] for row in stored.rows} == told


@needs_data
def test_ingesting_twice_changes_no_file_and_no_row(gate_place, tmp_path):
    place = tmp_path / "copy"
    shutil.copytree(gate_place, place)

    def files():
        return {
            path: (path.stat().st_mtime_ns, path.read_bytes()) for path in place.rglob("runs/**/*") if path.is_file()
        }

    before = files()
    outcome = ingest(GATE, db=place / "promptad.duckdb", runs=place / "runs")
    assert (outcome.added, outcome.extended, outcome.rejected) == ([], [], [])
    assert len(outcome.unchanged) == 12
    assert "nothing new" in outcome.summary()
    assert files() == before


@needs_data
def test_the_public_table_alone_does_not_tell_its_seed(tmp_path):
    shutil.copy(GATE / "full_results.csv", tmp_path)
    assert taken(tmp_path / "full_results.csv").rejected == []
    assert query("SELECT COUNT(*), COUNT(seed) FROM runs") == [(12, 0)]
    counts = dict(query("SELECT provenance, COUNT(*) FROM metrics GROUP BY 1"))
    assert counts == {"reported": 810, "approx": 162}


def test_a_table_alone_takes_the_seed_it_is_given(tmp_path):
    path = table(tmp_path / "fork", [("carpet", "cls", mode, value) for mode, value in AUROCS.items()])
    taken(path, seed=7)
    assert query("SELECT seed FROM runs") == [(7,)]
    assert values("reported") == {mode: pytest.approx(value / 100) for mode, value in AUROCS.items()}


def test_a_table_beside_files_of_one_seed_is_of_that_seed(root):
    table(root, [("carpet", "cls", "max", 90)])
    assert taken(root).rejected == []
    assert query("SELECT seed, COUNT(*) FROM runs JOIN run_categories USING (run_id) GROUP BY 1") == [(111, 2)]


def test_a_table_beside_files_of_two_seeds_belongs_to_neither(root):
    results(root, "grid", seed=222)
    table(root, [("carpet", "cls", "max", 90)])
    taken(root)
    assert query("SELECT seed, category FROM runs JOIN run_categories USING (run_id) ORDER BY ALL NULLS LAST") == [
        (111, "grid"), (222, "grid"), (None, "carpet"),
    ]  # fmt: skip


def test_results_alone_are_taken_without_a_table(root):
    results(root, "metal_nut", "seg", k_shot=4)
    assert taken(root).rejected == []
    assert query("SELECT dataset, k_shot, seed, task, category FROM runs JOIN run_categories USING (run_id) ORDER BY 2") == [
        ("mvtec", 1, 111, "cls", "grid"), ("mvtec", 4, 111, "seg", "metal_nut"),
    ]  # fmt: skip
    assert set(values("reported", "metal_nut")) == {"semantic", "memory", "max", "harmonic", "reported_oracle"}
    assert set(values("reported", "grid")) == set(AUROCS)


def test_the_experiment_is_called_like_the_folder_unless_it_is_named(root):
    taken(root)
    taken(root, experiment="paper", method="ours")
    assert query("SELECT experiment, method FROM runs ORDER BY 1") == [("my fork", "PromptAD"), ("paper", "ours")]


def test_one_file_may_be_given_instead_of_its_folder(root):
    assert taken(root / "mvtec" / "k_1" / "gate_results" / "grid_seed111_cls.json").rejected == []
    assert query("SELECT experiment, dataset, k_shot, seed FROM runs") == [("my fork", "mvtec", 1, 111)]


def test_scores_with_labels_give_exact_numbers(root):
    metadata(root)
    assert taken(root).rejected == []
    exact = values("exact")
    assert set(exact) == {"semantic", "memory", "max", "harmonic"}
    assert abs(exact["semantic"] - roc_auc_score(LABELS, SEMANTIC)) <= 1e-12
    assert abs(exact["max"] - roc_auc_score(LABELS, np.maximum(SEMANTIC, MEMORY))) <= 1e-12
    assert values("approx") == {}


@pytest.mark.parametrize("labelled", ["harmonic", "max", "semantic"])
def test_labels_of_one_of_several_score_files_are_kept(root, labelled):
    for mode in ("harmonic", "max", "semantic"):
        metadata(root, mode=mode, labels=LABELS if mode == labelled else None)
    assert taken(root).rejected == []
    assert abs(values("exact")["memory"] - roc_auc_score(LABELS, MEMORY)) <= 1e-12


def test_scores_without_labels_and_ground_truth_give_the_old_estimate_and_nothing_exact(root):
    results(root)
    metadata(root, labels=None)
    assert taken(root).rejected == []
    assert values("exact") == {}
    means = {"semantic": np.mean(SEMANTIC), "memory": np.mean(MEMORY)}
    larger = max(means.values())
    assert values("approx") == {
        branch: pytest.approx(0.905 * mean / larger, abs=1e-12) for branch, mean in means.items()
    }
    assert set(values("reported")) == set(AUROCS)


def test_a_table_and_a_results_file_that_disagree_are_both_named_and_their_cell_left_out(root):
    results(root, "carpet")
    rows = [(category, "cls", mode, value) for category in ("carpet", "grid") for mode, value in AUROCS.items()]
    path = table(root, [(*row[:3], 90.51) if row[:3] == ("carpet", "cls", "max") else row for row in rows])
    reason = rejected_alone(root, path, "max AUROC is 90.51 here, but 90.5 in ")
    assert str(root / "mvtec" / "k_1" / "gate_results" / "carpet_seed111_cls.json") in reason
    outcome = taken(root)
    assert outcome.rejected == [(path, reason)]
    assert categories() == ["grid"]


def test_two_score_files_that_disagree_leave_their_cell_out(root):
    metadata(root)
    path = metadata(root, mode="semantic", semantic_scores=[0.9, *SEMANTIC[1:]])
    rejected_alone(root, path, "differ")


RAGGED = [[[0.1, 0.2], [0.3]]] * 6
SQUARE = [[[0.1, 0.2], [0.3, 0.4]]] * 6
WIDE = [[[0.1, 0.2, 0.3], [0.3, 0.4, 0.5]]] * 6
BROKEN_SCORES = {
    "truncated": ({"content": '{"semantic_scores": [0.1, 0.'}, "not valid JSON"),
    "nan": ({"content": json.dumps({"semantic_scores": [float("nan")], "memory_scores": [0.1]})}, "NaN"),
    "overflow": ({"content": '{"semantic_scores": [1e999], "memory_scores": [0.1]}'}, ""),
    "a list": ({"content": "[1, 2]"}, "lacks semantic_scores"),
    "one branch": ({"memory_scores": None}, "lacks semantic_scores or memory_scores"),
    "a null": ({"memory_scores": [None, *MEMORY[1:]]}, "memory_scores"),
    "texts": ({"memory_scores": ["a"] * 6}, "memory_scores are not numbers"),
    "digits in texts": ({"memory_scores": ["0.1"] * 6}, "memory_scores are not numbers"),
    "truths": ({"memory_scores": [True, False] * 3}, "memory_scores are not numbers"),
    "an object": ({"memory_scores": {"0": 0.1}}, "memory_scores are not numbers"),
    "a number": ({"memory_scores": 0.5}, "memory_scores have shape"),
    "empty": ({"semantic_scores": [], "memory_scores": [], "labels": None}, "semantic_scores have shape"),
    "other lengths": ({"memory_scores": MEMORY[:5]}, "semantic_scores have shape [6], memory_scores [5]"),
    "endless integer": ({"memory_scores": [10**400, *MEMORY[1:]]}, "memory_scores"),
    "one class": ({"labels": [0] * 6}, "labels hold one class only"),
    "other class": ({"labels": [1] * 6}, "labels hold one class only"),
    "too few labels": ({"labels": [0, 1]}, "labels must be 6 times 0 or 1"),
    "labels of two": ({"labels": [0, 0, 0, 1, 1, 2]}, "labels must be 6 times 0 or 1"),
    "labels in words": ({"labels": ["good"] * 6}, "labels must be 6 times 0 or 1"),
    "labels in lists": ({"labels": [[0]] * 6}, "labels must be 6 times 0 or 1"),
    "labels as an object": ({"labels": {"a": 1}}, "labels must be 6 times 0 or 1"),
    "ragged maps": ({"task": "seg", "semantic_scores": RAGGED, "memory_scores": SQUARE}, "semantic_scores"),
    "maps of two sizes": ({"task": "seg", "semantic_scores": SQUARE, "memory_scores": WIDE}, "shape [6, 2, 2], memory_scores [6, 2, 3]"),
    "maps of one branch": ({"task": "seg", "semantic_scores": SQUARE}, "shape [6, 2, 2], memory_scores [6]"),
    "maps without rows": ({"task": "seg", "semantic_scores": [[], []], "memory_scores": [[], []]}, "semantic_scores have shape"),
    "maps beyond float32": ({"task": "seg", "semantic_scores": SQUARE, "memory_scores": [[[1e300] * 2] * 2] * 6, "labels": None}, "memory_scores"),
    "deep": ({"content": '{"memory_scores": [], "semantic_scores": ' + "[" * 60 + "]" * 60 + "}"}, "semantic_scores"),
    "endless depth": ({"content": '{"memory_scores": [], "semantic_scores": ' + "[" * 200_000}, "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reason"), BROKEN_SCORES.values(), ids=BROKEN_SCORES)
def test_scores_that_cannot_be_trusted_are_named_and_everything_else_is_taken(root, changes, reason):
    rejected_alone(root, metadata(root, **changes), reason)


def test_any_number_of_broken_files_keeps_no_sound_one_out(root):
    broken = {metadata(root, f"broken{index}", **case) for index, (case, _) in enumerate(BROKEN_SCORES.values())}
    broken |= {results(root, f"wrong{index}", aurocs=content) for index, content in enumerate(BROKEN_RESULTS.values())}
    outcome = taken(root)
    assert {path for path, _ in outcome.rejected} == broken
    assert f"{len(broken)} rejected" in outcome.summary()
    assert categories() == ["grid"]


BROKEN_RESULTS = {
    "truncated": '{"max": {"i_roc": 90.',
    "empty": "",
    "no object": "[]",
    "no modes": '{"best": {"i_roc": 90}}',
    "of the other task": '{"max": {"p_roc": 90}}',
    "no number": '{"max": {"i_roc": "high"}}',
    "a truth": '{"max": {"i_roc": true}}',
    "a list": '{"max": {"i_roc": [90]}}',
    "null": '{"max": {"i_roc": null}}',
    "nan": '{"max": {"i_roc": NaN}}',
    "over a hundred": '{"max": {"i_roc": 100.1}}',
    "below zero": '{"max": {"i_roc": -0.1}}',
    "endless": '{"max": {"i_roc": 1' + "0" * 400 + "}}",
    "ratio": '{"oracle": {"i_roc": 90, "oracle_semantic_ratio": "half"}}',
    "ratio object": '{"oracle": {"i_roc": 90, "oracle_semantic_ratio": {"a": 1}}}',
    "mode without object": '{"max": {"i_roc": 90}, "semantic": 5}',
    "against itself": '{"semantic": {"i_roc": 80}, "max": {"i_roc": 90, "i_roc_semantic": 81}}',
}


@pytest.mark.parametrize("bad", ['"x"', "NaN", "Infinity", "null", "101", "[80]"])
def test_a_bad_number_in_results_is_left_out_alone(root, bad):
    content = f'{{"max": {{"i_roc": 90, "i_roc_semantic": {bad}, "i_roc_memory": 80}}}}'
    reason = rejected_alone(root, results(root, aurocs=content), "the AUROC of mode semantic", "carpet")
    assert "max" not in reason
    assert {metric.branch: metric.value for metric in read(root)[0]["carpet"].metrics} == {"max": 0.9, "memory": 0.8}


@pytest.mark.parametrize("aurocs", [{"max": 0.905, "semantic": 0.8}, '{"max": {"i_roc": 0.9, "i_roc_memory": 1.0}}'])
def test_results_in_fractions_are_refused_with_the_way_to_fix_them(root, aurocs):
    reason = rejected_alone(root, results(root, aurocs=aurocs), "look like fractions")
    assert "multiply by 100" in reason


def test_a_table_in_fractions_is_refused_and_one_column_of_fractions_costs_itself_alone(root):
    path = table(root, [("wood", "cls", "max", 0.8), ("tile", "cls", "max", 0.7, {"semantic_auroc": "0.6"})])
    assert "the numbers of auroc, semantic_auroc look like fractions" in rejected_alone(root, path, "multiply by 100")
    path = table(root, [("tile", "cls", "max", 70, {"semantic_auroc": "0.6", "memory_auroc": "65"})])
    rejected_alone(root, path, "the numbers of semantic_auroc look like fractions", "tile")
    assert {metric.branch for metric in read(root)[0]["tile"].metrics} == {"max", "memory"}


@pytest.mark.parametrize("content", BROKEN_RESULTS.values(), ids=BROKEN_RESULTS)
def test_results_that_cannot_be_trusted_are_named_and_everything_else_is_taken(root, content):
    rejected_alone(root, results(root, aurocs=content), "")


@pytest.mark.parametrize(
    "content", [{"version": 1, "max": {"i_roc": 90}}, {"max": {"i_roc": 90}}], ids=["first a number", "sound"]
)
@pytest.mark.parametrize(
    "name", ["carpet.json", "carpet_seed_cls.json", "carpet_seed111_det.json", "_seed111_cls.json"]
)
def test_a_results_file_whose_name_tells_nothing_is_named(root, name, content):
    path = write_json(root / "mvtec" / "k_1" / "gate_results" / name, content)
    rejected_alone(root, path, "its name does not tell category and seed")


def test_a_file_in_folders_that_tell_nothing_needs_options(tmp_path):
    path = write_json(tmp_path / "loose" / "carpet_seed5_cls.json", {"max": {"i_roc": 90}})
    outcome = taken(path)
    assert [rejected for rejected, _ in outcome.rejected] == [path]
    assert "--dataset" in outcome.rejected[0][1]
    taken(path, dataset="visa", k_shot=2)
    assert query("SELECT experiment, dataset, k_shot, seed, task FROM runs") == [("loose", "visa", 2, 5, "cls")]


BROKEN_ROWS = {
    "task": ("carpet", "det", "max", 90),
    "mode": ("carpet", "cls", "median", 90),
    "no class": ("", "cls", "max", 90),
    "no number": ("carpet", "cls", "max", "high"),
    "nothing": ("carpet", "cls", "max", ""),
    "nan": ("carpet", "cls", "max", "nan"),
    "over a hundred": ("carpet", "cls", "max", 100.5),
    "no k": ("carpet", "cls", "max", 90, {"k_shot": ""}),
    "half a k": ("carpet", "cls", "max", 90, {"k_shot": "1.5"}),
    "endless k": ("carpet", "cls", "max", 90, {"k_shot": "9" * 5000}),
    "large k": ("carpet", "cls", "max", 90, {"k_shot": "10000000"}),
    "ratio": ("carpet", "cls", "oracle", 90, {"oracle_semantic_ratio": "half"}),
}  # fmt: skip


@pytest.mark.parametrize("row", BROKEN_ROWS.values(), ids=BROKEN_ROWS)
def test_a_row_that_cannot_be_trusted_is_named_by_its_line_and_the_others_are_taken(root, row):
    path = table(root, [("wood", "cls", "max", 80), row, ("tile", "cls", "max", 70)])
    rejected_alone(root, path, "line 3", "wood", "tile")


@pytest.mark.parametrize("task", ["cls", "seg"])
@pytest.mark.parametrize("bad", ["x", "-1", "nan", "inf", "100.5", "-"])
def test_a_bad_number_of_a_branch_is_left_out_and_that_of_the_mode_is_kept(root, task, bad):
    path = table(root, [("carpet", task, "max", 90, {"semantic_auroc": bad, "memory_auroc": "80"})])
    assert "line 2" in rejected_alone(root, path, f"{bad!r}", "carpet")
    found, _ = read(root)
    assert {metric.branch: metric.value for metric in found["carpet"].metrics} == {"max": 0.9, "memory": 0.8}


def test_a_row_that_is_cut_off_is_named_by_its_line(root):
    path = table(root, [("wood", "cls", "max", 80)])
    path.write_text(path.read_text() + "mvtec,carpet\n")
    rejected_alone(root, path, "line 3", "wood")


def test_a_table_that_is_no_text_is_named(root):
    path = table(root, [("wood", "cls", "max", 80)])
    path.write_bytes(path.read_bytes() + b"\xff\xfe\x00,\n")
    outcome = taken(root)
    assert [where for where, _ in outcome.rejected] == [path]
    assert categories() == ["grid"]


def test_a_changed_number_is_refused_and_taken_with_replace(root):
    path = results(root, "wood")
    taken(root)
    results(root, "wood", aurocs=AUROCS | {"max": 95.0})
    outcome = taken(root)
    assert outcome.added == outcome.extended == []
    assert [rejected for rejected, _ in outcome.rejected] == [path]
    assert "wood differs from what was ingested before; --replace" in outcome.rejected[0][1]
    assert values("reported", "wood")["max"] == pytest.approx(0.905)
    outcome = taken(root, replace=True)
    assert outcome.rejected == []
    assert len(outcome.extended) == 1
    assert values("reported", "wood")["max"] == pytest.approx(0.95)
    assert values("reported", "grid")["max"] == pytest.approx(0.905)
    assert query("SELECT COUNT(*) FROM runs") == [(1,)]


def test_a_new_category_joins_the_run_that_is_there(root):
    taken(root)
    (folder,) = run_folder.find_runs(Path("runs"))
    before = run_folder.category_fingerprint(folder, "grid")
    results(root, "carpet")
    outcome = taken(root)
    assert (outcome.added, outcome.extended, outcome.rejected) == ([], [folder.name], [])
    assert categories() == ["carpet", "grid"]
    assert run_folder.category_fingerprint(folder, "grid") == before
    assert len(run_folder.read_run(folder).source["files"]) == 2


def test_an_imported_run_says_which_files_it_came_from(root):
    taken(root)
    (folder,) = run_folder.find_runs(Path("runs"))
    source = run_folder.read_run(folder).source
    assert source["kind"] == "gate"
    assert [Path(file["path"]).name for file in source["files"]] == ["grid_seed111_cls.json"]
    assert all(len(file["sha256"]) == 64 for file in source["files"])


def test_hostile_names_stay_in_the_run_folder(root, tmp_path):
    rows = [(name, "cls", "max", 90) for name in ("../../evil", "<script>", "a/b", ".hidden")]
    table(root, [*rows, ("wood", "cls", "max", 80, {"dataset": "../../evil"})])
    assert taken(root).rejected == []
    beside = [f"p.duckdb.{side}" for side in ("lock", "turn", "waiting")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my fork", "p.duckdb", *beside, "runs"]
    assert set(categories()) == {"../../evil", "<script>", "a/b", ".hidden", "grid", "wood"}
