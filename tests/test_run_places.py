"""What is of run folders on stores alone: their markers, uploads that fail, and copies."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from run_storage_contract import NAMES, log
from stores import snapshot, upload

import promptad_db
from promptad_db import run_folder
from promptad_db.errors import InputError
from promptad_db.storage import folder_at


def test_a_category_without_its_marker_is_not_there(store):
    folder = log(f"{store}/runs", ("carpet", "grid"))
    (marker,) = [name for name in snapshot(str(folder)) if name.startswith("grid/") and name.endswith("complete.json")]
    folder.fs.rm_file(f"{folder.path}/{marker}")
    assert run_folder.list_categories(folder) == ["carpet"]
    with pytest.raises(InputError, match="not a category folder"):
        run_folder.read_category(folder, "grid")
    run_folder.remove_unfinished(folder)
    assert {name.partition("/")[0] for name in snapshot(str(folder))} == {"run.json", "carpet"}


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
    folder = log(f"{store}/runs", NAMES[:9])
    here = tmp_path / folder.name
    for name, content in snapshot(str(folder)).items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)
    assert run_folder.list_categories(here) == sorted(NAMES[:9])
    for name in NAMES[:9]:
        assert run_folder.read_category(here, name).metrics == run_folder.read_category(folder, name).metrics
        assert run_folder.category_fingerprint(here, name) == run_folder.category_fingerprint(folder, name)
    result = run_folder.read_category(here, "carpet")
    run_folder.write_category(here, result, replace_existing=True, keep_rest=True)
    assert run_folder.read_category(here, "carpet").metrics == result.metrics
    assert not (here / "carpet" / "complete.json").exists()


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


def test_runs_are_copied_to_a_store_and_back(s3_store, cli, tmp_path):
    db, here = tmp_path / "one.duckdb", tmp_path / "runs"
    folders = [log(here, NAMES[:9], seed=seed, db=db, maps=True) for seed in range(2)]
    copied = cli("runs", "copy", "--to", f"{s3_store}/runs", "--db", db)
    assert (copied.code, copied.err.splitlines()[-1]) == (0, f"{s3_store}/runs: 2 runs")
    there = promptad_db.open_db(db).query("SELECT folder FROM runs ORDER BY run_id").rows
    assert there == [(f"{s3_store}/runs/{folder.name}",) for folder in folders]
    before = snapshot(s3_store)
    assert cli("runs", "copy", "--to", f"{s3_store}/runs", "--db", db).code == 0
    assert snapshot(s3_store) == before
    assert cli("rebuild", f"{s3_store}/runs", "--db", tmp_path / "again.duckdb").code == 0
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
