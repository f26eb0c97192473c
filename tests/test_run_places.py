"""Run folders on stores: the same categories, whole or not at all, wherever they are."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from stores import snapshot, upload

import promptad_db
from promptad_db import run_folder
from promptad_db.errors import InputError
from promptad_db.storage import folder_at

# A semicolon is left out: the Google Cloud Storage emulator takes it for the end of a name.
NAMES = ("carpet", "a/b", "[x]*?", "ü #1", "100%", "..", "<script>alert(1)</script>", "x&y=1", "'quoted'")


def log(root, category="carpet", *, seed=0, images=6, db=False, maps=False, **settings):
    rng = np.random.default_rng(seed)
    labels = [0, 1] * (images // 2)
    given = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": seed, "method": "m", **settings}
    with promptad_db.start_run(**given, runs=root, db=db) as run:
        for name in [category] if isinstance(category, str) else category:
            branches = {name: rng.random(images) for name in ("semantic", "memory")}
            if maps:
                branches = {name: rng.random((images, 4, 4), dtype=np.float32) for name in branches}
            run.log_category(name, images=[f"{n}.png" for n in range(images)], branches=branches, labels=labels)
    return run.folder


def test_a_run_on_a_store_reads_as_one_on_this_machine(store, tmp_path):
    there, here = log(f"{store}/runs", NAMES), log(tmp_path, NAMES)
    assert str(there).startswith(store)
    assert run_folder.find_runs(folder_at(f"{store}/runs")) == [there]
    assert run_folder.list_categories(there) == run_folder.list_categories(here) == sorted(NAMES)
    assert run_folder.read_run(there).status == "finished"
    for name in NAMES:
        one, other = run_folder.read_category(there, name), run_folder.read_category(here, name)
        assert one.metrics == other.metrics
        assert all(np.array_equal(one.scores[branch], other.scores[branch]) for branch in other.scores)
        assert run_folder.category_fingerprint(there, name) == run_folder.category_fingerprint(here, name)
        assert not run_folder.has_weights(there, name)


def test_a_category_without_its_marker_is_not_there(store):
    folder = log(f"{store}/runs", ("carpet", "grid"))
    (marker,) = [name for name in snapshot(str(folder)) if name.startswith("grid/") and name.endswith("complete.json")]
    folder.fs.rm_file(f"{folder.path}/{marker}")
    assert run_folder.list_categories(folder) == ["carpet"]
    with pytest.raises(InputError, match="not a category folder"):
        run_folder.read_category(folder, "grid")
    run_folder.remove_unfinished(folder)
    assert {name.partition("/")[0] for name in snapshot(str(folder))} == {"run.json", "carpet"}


def test_a_replaced_category_leaves_nothing_of_the_old_one(store):
    folder = log(f"{store}/runs", ("[x]", "x"))
    before = snapshot(str(folder))
    result = run_folder.read_category(folder, "[x]")
    result.scores["max"] = np.maximum(result.scores["semantic"], result.scores["memory"])
    with pytest.raises(InputError, match="logged already"):
        run_folder.write_category(folder, result)
    run_folder.write_category(folder, result, replace_existing=True)
    after = snapshot(str(folder))
    assert "max" in run_folder.read_category(folder, "[x]").scores
    assert len(after) == len(before)
    assert {name: content for name, content in after.items() if name.startswith("x/")} == {
        name: content for name, content in before.items() if name.startswith("x/")
    }


def test_what_is_kept_beside_the_scores_stays_when_a_category_is_replaced(store):
    folder = log(f"{store}/runs")
    result = run_folder.read_category(folder, "carpet")
    result.weights = {"gallery_1": np.ones((1, 2, 3), np.float32)}
    run_folder.write_category(folder, result, replace_existing=True)
    result.weights = {}
    run_folder.write_category(folder, result, replace_existing=True, keep_rest=True)
    assert run_folder.has_weights(folder, "carpet")
    assert run_folder.read_category_weights(folder, "carpet")["gallery_1"].shape == (1, 2, 3)
    run_folder.write_category(folder, result, replace_existing=True)
    assert not run_folder.has_weights(folder, "carpet")


def test_a_failed_upload_leaves_the_old_category(s3_store, monkeypatch):
    folder = log(f"{s3_store}/runs")
    before = snapshot(str(folder))
    result = run_folder.read_category(folder, "carpet")
    put_file = folder.fs.put_file

    def fail_at_metrics(here, there, **options):
        if there.endswith("metrics.json"):
            raise OSError(28, "No space left on device")
        return put_file(here, there, **options)

    monkeypatch.setattr(folder.fs, "put_file", fail_at_metrics)
    with pytest.raises(OSError, match="No space left"):
        run_folder.write_category(folder, result, replace_existing=True)
    assert snapshot(str(folder)) == before


def test_a_marker_that_may_have_come_through_keeps_its_files(s3_store, monkeypatch):
    folder = log(f"{s3_store}/runs")
    result = run_folder.read_category(folder, "carpet")
    result.scores["max"] = np.maximum(result.scores["semantic"], result.scores["memory"])
    pipe_file = folder.fs.pipe_file

    def lose_the_answer(path, content, **options):
        pipe_file(path, content, **options)
        raise TimeoutError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(folder.fs, "pipe_file", lose_the_answer)
        with pytest.raises(OSError, match="no answer"):
            run_folder.write_category(folder, result, replace_existing=True)
    assert "max" in run_folder.read_category(folder, "carpet").scores
    before = len(snapshot(str(folder)))
    run_folder.remove_unfinished(folder)
    assert len(snapshot(str(folder))) < before
    assert "max" in run_folder.read_category(folder, "carpet").scores


def test_a_run_whose_name_begins_as_anothers_is_not_part_of_it(store):
    info = run_folder.read_run(log(f"{store}/other"))
    root = folder_at(f"{store}/runs")
    one, two = (run_folder.create_run(root, replace(info, run_id=name)) for name in ("run", "run2"))
    run_folder.copy_run(log(f"{store}/other", "grid"), root)
    for folder, category in ((one, "a"), (two, "b")):
        result = run_folder.read_category(folder_at(f"{store}/other") / info.run_id, "carpet")
        result.category = category
        run_folder.write_category(folder, result)
    assert run_folder.list_categories(one) == ["a"]
    assert run_folder.stamp(root / "ru") is None


def test_files_that_are_not_those_of_the_marker_are_refused(s3_store):
    folder = log(f"{s3_store}/runs")
    names = {name.rpartition("/")[2]: f"{folder.path}/{name}" for name in snapshot(str(folder))}
    folder.fs.pipe_file(names["metrics.json"], b"[]")
    with pytest.raises(InputError, match=r"s3://.*carpet/metrics\.json: damaged: has 2 bytes"):
        run_folder.read_category(folder, "carpet")
    folder.fs.rm_file(names["manifest.json"])  # as older versions wrote it
    marker = json.loads(folder.fs.cat_file(names["complete.json"]))
    del marker["files"]["manifest.json"]
    folder.fs.pipe_file(names["complete.json"], json.dumps(marker).encode())
    with pytest.raises(InputError, match=r"s3://.*carpet: its files are not those that its complete\.json tells of"):
        run_folder.read_category(folder, "carpet")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'{"folder": "../x", "fingerprint": "", "files": {}}',
        b'{"folder": "v-000000000000", "fingerprint": "%s", "files": {"../../etc/passwd": 1}}' % (b"0" * 64),
        b'{"folder": "v-000000000000", "fingerprint": "%s", "files": {"a": -1}}' % (b"0" * 64),
        b'{"folder": "v-000000000000", "fingerprint": "%s", "files": {"a": 99999999999999}}' % (b"0" * 64),
    ],
)  # fmt: skip
def test_a_marker_that_is_none_is_refused_by_name(s3_store, tmp_path, content):
    folder = log(f"{s3_store}/runs")
    folder.fs.pipe_file(f"{folder.path}/carpet/complete.json", content)
    with pytest.raises(InputError, match="carpet"):
        run_folder.read_category(folder, "carpet")
    here = tmp_path / folder.name / "carpet"
    here.mkdir(parents=True)
    (here / "complete.json").write_bytes(content)
    with pytest.raises(InputError, match="carpet"):
        run_folder.read_category(here.parent, "carpet")


def test_a_run_copied_from_a_store_is_read_on_this_machine(store, tmp_path):
    folder = log(f"{store}/runs", NAMES)
    here = tmp_path / folder.name
    for name, content in snapshot(str(folder)).items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)
    assert run_folder.list_categories(here) == sorted(NAMES)
    for name in NAMES:
        assert run_folder.read_category(here, name).metrics == run_folder.read_category(folder, name).metrics
        assert run_folder.category_fingerprint(here, name) == run_folder.category_fingerprint(folder, name)
    result = run_folder.read_category(here, "carpet")
    run_folder.write_category(here, result, replace_existing=True, keep_rest=True)
    assert run_folder.read_category(here, "carpet").metrics == result.metrics
    assert not (here / "carpet" / "complete.json").exists()


def test_the_stamp_changes_with_every_finished_category(store):
    folder = log(f"{store}/runs")
    seen = [run_folder.stamp(folder)]
    result = run_folder.read_category(folder, "carpet")
    result.category = "grid"
    run_folder.write_category(folder, result)
    seen.append(run_folder.stamp(folder))
    run_folder.write_category(folder, result, replace_existing=True)
    seen.append(run_folder.stamp(folder))
    run_folder.update_run(folder, note="longer than before")
    seen.append(run_folder.stamp(folder))
    assert len(set(seen)) == len(seen)
    assert run_folder.stamp(folder) == seen[-1]
    assert run_folder.stamp(folder.parent / "nothing") is None


def test_a_discarded_run_is_in_the_trash_beside_it(store):
    folder = log(f"{store}/runs", ("carpet", "[x]"))
    before = snapshot(str(folder))
    moved = run_folder.discard(folder)
    assert moved == folder.parent / ".trash" / folder.name
    assert snapshot(str(moved)) == before
    assert run_folder.find_runs(folder.parent) == []
    assert list(run_folder.walk_runs(folder_at(store))) == []


def test_runs_at_any_depth_are_found(store):
    one, two = log(f"{store}/alice/runs"), log(f"{store}/bob/deeper/runs")
    assert list(run_folder.walk_runs(folder_at(store))) == [one, two]
    assert run_folder.find_runs(folder_at(store)) == []
    assert list(run_folder.walk_runs(one)) == [one]


def test_the_database_is_the_same_from_a_store(store, tmp_path):
    db = tmp_path / "one.duckdb"
    there = log(f"{store}/runs", NAMES, db=db, maps=False)
    assert promptad_db.open_db(db).query("SELECT folder FROM runs").rows == [(str(there),)]
    assert promptad_db.open_db(db).query("SELECT COUNT(*) FROM run_categories").rows == [(len(NAMES),)]
    assert promptad_db.ingest(f"{store}/runs", db=db).unchanged == [there.name]
    promptad_db.fuse(there.name, "mean", db=db)
    assert "mean" in run_folder.read_category(there, "a/b").scores
    query = "SELECT category, branch, metric, value, provenance FROM metrics ORDER BY ALL"
    numbers = promptad_db.open_db(db).query(query).rows
    other = tmp_path / "other.duckdb"
    assert promptad_db.ingest(store, db=other).added == [there.name]
    assert promptad_db.open_db(other).query(query).rows == numbers


def test_an_uploaded_run_without_markers_is_explained(s3_store, tmp_path):
    here = log(tmp_path)
    there = upload(here, f"{s3_store}/runs/{here.name}")
    assert run_folder.list_categories(folder_at(there)) == []


def test_a_store_that_cannot_be_reached_is_an_error_that_names_it(s3_store, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    folder_at(s3_store).fs.clear_instance_cache()
    with pytest.raises(OSError) as error:
        log(f"{s3_store}/runs")
    assert s3_store in str(error.value)
    folder_at(s3_store).fs.clear_instance_cache()
    assert json.dumps(str(error.value))
    shutil.rmtree(tmp_path)


def test_runs_are_copied_to_a_store_and_back(store, cli, tmp_path):
    db, here = tmp_path / "one.duckdb", tmp_path / "runs"
    folders = [log(here, NAMES, seed=seed, db=db, maps=True) for seed in range(2)]
    copied = cli("runs", "copy", "--to", f"{store}/runs", "--db", db)
    assert (copied.code, copied.err.splitlines()[-1]) == (0, f"{store}/runs: 2 runs")
    there = promptad_db.open_db(db).query("SELECT folder FROM runs ORDER BY run_id").rows
    assert there == [(f"{store}/runs/{folder.name}",) for folder in folders]
    before = snapshot(store)
    assert cli("runs", "copy", "--to", f"{store}/runs", "--db", db).code == 0
    assert snapshot(store) == before
    assert cli("rebuild", f"{store}/runs", "--db", tmp_path / "again.duckdb").code == 0
    assert cli("ingest", here, "--db", tmp_path / "again.duckdb").err.startswith("nothing new (2 runs known already)")
    assert cli("runs", "copy", "--to", tmp_path / "back", "--db", db).code == 0
    for folder in folders:
        back = tmp_path / "back" / folder.name
        assert {path.relative_to(back): path.read_bytes() for path in back.rglob("*") if path.is_file()} == {
            path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }


def test_a_run_that_is_written_is_not_copied(s3_store, cli, tmp_path):
    db = tmp_path / "one.duckdb"
    run_folder.update_run(log(tmp_path / "runs", db=db), status="running")
    answer = cli("runs", "copy", "--to", s3_store, "--db", db)
    assert answer.code == 4
    assert "is running" in answer.err
    assert snapshot(s3_store) == {}
