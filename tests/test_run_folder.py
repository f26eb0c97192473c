"""The run folder is the truth: what is written is read back, and what cannot be trusted is refused by name."""

import json
import os
from dataclasses import replace

import pytest

from promptad_db import run_folder
from promptad_db.db import index_folders
from promptad_db.errors import InputError
from promptad_db.records import CategoryResult, Metric, Render, RunInfo

INFO = RunInfo(
    run_id="20240101T000000-mvtec-k1-s111-seg-0badcafe",
    experiment="sweep",
    method="PromptAD",
    variant="baseline",
    task="seg",
    dataset="mvtec",
    k_shot=1,
    seed=111,
    created_at="2024-01-01T00:00:00+00:00",
)


def reported(category, value=0.9):
    return CategoryResult(category, metrics=[Metric("pixel", "semantic", "auroc", value, "reported")])


def rewritten(folder, **changes):
    """Change fields of run.json as an older version would have written it: without a hash of what it says."""
    path = folder / "run.json"
    content = json.loads(path.read_text()) | changes
    del content["sha256"]
    path.write_text(json.dumps(content))
    return folder


def names_in(folder):
    return sorted(child.name for child in folder.iterdir())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed": None, "k_shot": 0},
        {"tags": ("paper", "naïve 💥"), "note": "a note"},
        {"render": Render(400, 240, "none", 0.0), "selection": "best_on_test", "protocol": "multi_class"},
        {"finished_at": "2024-01-02T03:04:05.678901+02:00", "status": "failed", "image_score": "rendered_max"},
        {
            "model": {"name": "ViT"},
            "config": {"lr": [0.002, None]},
            "environment": {"a": {}},
            "source": {"kind": "gate"},
        },
    ],
)
def test_what_a_run_says_of_itself_is_read_back(tmp_path, changes):
    info = replace(INFO, **changes)
    folder = run_folder.create_run(tmp_path / "runs", info)
    assert folder == tmp_path / "runs" / info.run_id
    assert run_folder.read_run(folder) == info


def test_run_ids_sort_by_time_are_safe_and_differ():
    times = ["2024-01-01T00:00:00.000001+00:00", "2024-01-01T00:00:00.000002+00:00", "2025-01-01T00:00:00.000000+00:00"]
    ids = [run_folder.new_run_id(time, dataset="../MVTec AD", k_shot=1, seed=None, task="cls") for time in times]
    assert ids == sorted(ids)
    assert all(set(run_id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") for run_id in ids)
    again = run_folder.new_run_id(times[0], dataset="../MVTec AD", k_shot=1, seed=None, task="cls")
    assert again != ids[0]


@pytest.mark.parametrize(
    "run_id", ["", ".", "..", "../x", "a/b", "/etc", "a\\b", ".hidden", "a\n", "a b", "x" * 201, "é"]
)
def test_a_run_id_that_leaves_the_folder_is_refused(tmp_path, run_id):
    with pytest.raises(InputError, match="not safe as a file name"):
        run_folder.create_run(tmp_path / "runs", replace(INFO, run_id=run_id))
    assert not (tmp_path / "runs").exists()
    folder = run_folder.create_run(tmp_path, INFO)
    with pytest.raises(InputError, match=r"run\.json"):
        run_folder.read_run(rewritten(folder, run_id=run_id))


def test_a_run_whose_folder_has_another_name_is_refused(tmp_path):
    folder = run_folder.create_run(tmp_path, INFO)
    moved = folder.rename(tmp_path / "copied")
    with pytest.raises(InputError, match=r"run\.json: is about run .* but its folder is 'copied'"):
        run_folder.read_run(moved)


def test_a_newer_format_is_refused_with_the_upgrade(tmp_path):
    folder = run_folder.create_run(tmp_path, INFO)
    with pytest.raises(InputError, match=r"(?s)format 2, .* reads format 1.*pip install -U promptad-db"):
        run_folder.read_run(rewritten(folder, format=run_folder.FORMAT + 1))


@pytest.mark.parametrize("stored", [None, 0, "1", [1], {"a": 1}])
def test_an_unknown_format_is_refused(tmp_path, stored):
    folder = run_folder.create_run(tmp_path, INFO)
    with pytest.raises(InputError, match="reads format 1"):
        run_folder.read_run(rewritten(folder, format=stored))


def test_keys_that_are_not_known_are_passed_over(tmp_path):
    folder = run_folder.create_run(tmp_path, INFO)
    assert run_folder.read_run(rewritten(folder, written_by="somebody else", extra={"deep": [1]})) == INFO


@pytest.mark.parametrize("content", ["[]", "5", "null", '"text"', "{", ""])
def test_a_run_file_that_is_no_object_is_refused(tmp_path, content):
    folder = run_folder.create_run(tmp_path, INFO)
    (folder / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json"):
        run_folder.read_run(folder)


@pytest.mark.parametrize("name", ["experiment", "method", "variant", "task", "dataset", "k_shot", "seed", "created_at"])
def test_a_missing_field_is_named(tmp_path, name):
    folder = run_folder.create_run(tmp_path, INFO)
    content = json.loads((folder / "run.json").read_text())
    del content[name], content["sha256"]
    (folder / "run.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"run\.json: .*{name}"):
        run_folder.read_run(folder)


WRONG = [
    ("task", "det"), ("task", ["cls"]), ("task", None), ("status", "done"), ("selection", None), ("protocol", "both"),
    ("k_shot", "1"), ("k_shot", 1.5), ("k_shot", True), ("k_shot", -1), ("k_shot", 10**12), ("k_shot", None),
    ("seed", "111"), ("seed", 1.5), ("seed", True), ("seed", 2**70), ("seed", [1]),
    ("created_at", "yesterday"), ("created_at", "2024-01-01T00:00:00"), ("created_at", 5), ("created_at", None),
    ("created_at", "0001-01-01T00:00:00+14:00"), ("created_at", "9999-12-31T23:59:59-14:00"),
    ("finished_at", 7), ("finished_at", "soon"), ("finished_at", "0001-01-01T00:00:00+14:00"),
    ("experiment", ""), ("experiment", None), ("experiment", "\ud800"), ("dataset", ["mvtec"]), ("method", {}),
    ("variant", 1), ("run_id", 5), ("run_id", None), ("note", 5), ("note", ["a"]), ("image_score", 5), ("image_score", None),
    ("model", []), ("config", "x"), ("environment", None), ("source", 5),
    ("tags", 5), ("tags", None), ("tags", [1]), ("tags", "abc"), ("tags", {"a": 1}), ("tags", ["\ud800"]),
    ("render", [240, 240]), ("render", "240"), ("render", {"height": 240}), ("render", {"height": "a", "width": 240}),
    ("render", {"height": 0, "width": 240}), ("render", {"height": 2.5, "width": 240}),
    ("render", {"height": None, "width": None}), ("render", {"height": 2**40, "width": 240}),
    ("render", {"height": 240, "width": 240, "gaussian_sigma": "4"}),
    ("render", {"height": 240, "width": 240, "gaussian_sigma": -1}),
    ("render", {"height": 240, "width": 240, "interpolation": "cubic"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG, ids=repr)
def test_a_field_that_cannot_be_meant_is_named(tmp_path, name, value):
    folder = run_folder.create_run(tmp_path, INFO)
    with pytest.raises(InputError, match=rf"run\.json.*{name}"):
        run_folder.read_run(rewritten(folder, **{name: value}))


STRANGE = [
    {"model": {"name": 5}},
    {"model": {"name": ["ViT"], "pretrained": {"a": 1}, "weights_sha256": True}},
    {"model": {"name": "\ud800"}},
    {"source": {"kind": 5}},
    {"source": {"kind": {}}},
    {"config": {"half": "\ud800"}},
    {"note": "zero \x00 byte"},
    {"seed": -(2**62)},
]


def test_strange_details_of_a_run_are_taken_or_refused_but_never_break_the_index(tmp_path):
    folders = [
        run_folder.create_run(tmp_path, replace(INFO, run_id=f"run{index}")) for index in range(len(STRANGE) + 1)
    ]
    for folder, changes in zip(folders[1:], STRANGE, strict=True):
        rewritten(folder, **changes)
    outcome = index_folders(folders, tmp_path / "p.duckdb")
    assert "run0" in outcome.added
    assert len(outcome.added) + len(outcome.rejected) == len(folders)


def test_find_runs_lists_run_folders_by_id_and_skips_hidden_ones_and_strangers(tmp_path):
    assert run_folder.find_runs(tmp_path / "none") == []
    for run_id in ("b", "a"):
        run_folder.create_run(tmp_path, replace(INFO, run_id=run_id))
    run_folder.create_run(tmp_path, replace(INFO, run_id="c")).rename(tmp_path / ".c")
    (tmp_path / "stranger").mkdir()
    (tmp_path / "README.md").write_text("on the shape of run folders")
    assert [folder.name for folder in run_folder.find_runs(tmp_path)] == ["a", "b"]


def test_a_category_appears_only_when_it_is_whole(tmp_path):
    folder = run_folder.create_run(tmp_path, INFO)
    (folder / ".carpet.tmp-0123456789ab").mkdir()
    (folder / "notes.txt").write_text("a file is no category")
    assert run_folder.list_categories(folder) == []
    run_folder.write_category(folder, reported("carpet"))
    assert run_folder.list_categories(folder) == ["carpet"]


@pytest.mark.parametrize(
    "category",
    [
        "metal_nut",
        "a/b",
        "..",
        ".hidden",
        " lead",
        "<script>",
        "naïve 💥",
        "%2F",
        "run.json",
        "Run.JSON",
        "manifest.json",
        "complete.json",
        "a.tmp-b",
    ],
)
def test_a_category_of_any_name_stays_in_its_run_and_is_read_back(tmp_path, category):
    folder = run_folder.create_run(tmp_path / "runs", INFO)
    written = run_folder.write_category(folder, reported(category))
    assert written.parent == folder
    assert run_folder.list_categories(folder) == [category]
    assert run_folder.read_category(folder, category) == reported(category)
    assert names_in(tmp_path) == ["runs"]
    assert names_in(tmp_path / "runs") == [folder.name]


def test_folders_that_no_category_makes_do_not_keep_out_the_categories(tmp_path):
    folder = run_folder.create_run(tmp_path, INFO)
    run_folder.write_category(folder, reported("carpet"))
    for name in (b"\xff", b"%FF", b"%20", b"%61", b"%2e%2e"):
        os.mkdir(os.fsencode(folder) + b"/" + name)  # noqa: PTH102 - a name that is no text
    assert "carpet" in run_folder.list_categories(folder)
    assert index_folders([folder], tmp_path / "p.duckdb").added == [INFO.run_id]


def test_the_times_of_files_do_not_change_the_fingerprint(tmp_path):
    folder = run_folder.create_run(tmp_path, INFO)
    run_folder.write_category(folder, reported("carpet"))
    before = run_folder.category_fingerprint(folder, "carpet")
    os.utime(folder / "carpet" / "metrics.json", (0, 0))
    assert run_folder.category_fingerprint(folder, "carpet") == before


def test_a_category_that_is_missing_or_a_link_to_elsewhere_is_refused(tmp_path):
    folder = run_folder.create_run(tmp_path, INFO)
    elsewhere = run_folder.create_run(tmp_path, replace(INFO, run_id="elsewhere"))
    run_folder.write_category(elsewhere, reported("carpet"))
    (folder / "carpet").symlink_to(elsewhere / "carpet")
    for category in ("carpet", "grid"):
        with pytest.raises(InputError, match=r"a link|not a category folder"):
            run_folder.read_category(folder, category)


def test_run_folders_go_where_they_are_told(monkeypatch):
    assert str(run_folder.default_root()) == "runs"
    monkeypatch.setenv("PROMPTAD_RUNS", "elsewhere")
    assert str(run_folder.default_root()) == "elsewhere"
    assert str(run_folder.default_root("here")) == "here"
