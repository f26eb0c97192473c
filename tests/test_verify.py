"""Every stored byte is held against its hash: whoever reads finds one that has changed, and verify names it."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from run_storage_contract import log

import promptad_db
from promptad_db import open_db, run_folder
from promptad_db.db import index_folders
from promptad_db.errors import InputError, PromptadError
from promptad_db.storage import folder_at

FLIPS = 100
FILES = (
    "run.json", "carpet/manifest.json", "carpet/images.parquet", "carpet/maps.parquet", "carpet/masks.parquet",
    "carpet/placements.parquet", "carpet/metrics.json", "carpet/timings.json", "carpet/weights.safetensors",
    "carpet/gate.json",
)  # fmt: skip


@pytest.fixture
def full(log_run):
    """A run whose category has every kind of file."""
    folder = log_run("carpet", db=False, config={"epochs": 3}, tags=("a",))
    result = run_folder.read_category(folder, "carpet")
    result.weights = {"gallery": np.arange(24, dtype=np.float32).reshape(2, 3, 4)}
    result.gates = {"gate": {"coefficients": [0.25, -1.5], "intercept": 0.125}}
    result.timings = {"encode": 1.25}
    run_folder.write_category(folder, result, replace_existing=True)
    return folder


def everything(folder):
    """All that can be read of a run, as one comparable value."""
    info, result = run_folder.read_run(folder), run_folder.read_category(folder, "carpet")
    weights = run_folder.read_category_weights(folder, "carpet")
    arrays = {
        **{f"score {name}": array for name, array in result.scores.items()},
        **{f"map {name}": array for name, array in result.maps.items()},
        **{f"weight {name}": array for name, array in weights.items()},
        **{f"{key} {name}": array for key, one in result.placements.items() for name, array in vars(one).items()},
        "labels": result.labels,
        "masks": result.masks,
    }
    return (
        asdict(info),
        result.images,
        result.metrics,
        result.timings,
        run_folder.read_category_gate(folder, "carpet"),
        {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()},
    )


def flip(path, place, bit):
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_no_flipped_bit_is_read_in_silence(full, name):
    path, before = full / name, everything(full)
    whole, chance, found = path.read_bytes(), random.Random(name), []
    for _ in range(FLIPS):
        flip(path, chance.randrange(len(whole)), chance.randrange(8))
        try:
            assert everything(full) == before, "read, and not what was written"
        except InputError as error:
            found.append(str(error))
        path.write_bytes(whole)
    assert everything(full) == before
    # Bits without effect are the names of fields that nobody asks for: of the hash in run.json, when it is lost.
    assert len(found) >= (FLIPS - 5 if name == "run.json" else FLIPS)
    assert all(str(full) in message for message in found)


@pytest.mark.parametrize("name", [name for name in FILES if name != "run.json"])
def test_verify_names_every_changed_missing_or_added_file(full, cli, name):
    path = full / name
    whole = path.read_bytes()
    assert cli("verify").code == 0
    flip(path, len(whole) // 2, 3)
    answer = cli("verify", "--format", "json")
    assert answer.code == 1
    (found,) = json.loads(answer.out)
    assert found["path"] == str(path)
    assert "damaged" in found["problem"]
    assert "bring back a copy" in found["fix"]
    path.write_bytes(whole[:-2])
    assert str(path) in cli("verify", "--format", "csv").out
    path.unlink()
    if name != "carpet/manifest.json":
        assert "is missing" in cli("verify", "--format", "csv").out
        path.write_bytes(whole)
        (path.parent / "other.parquet").write_bytes(b"x")
        assert "is not in manifest.json" in cli("verify", "--format", "csv").out
        (path.parent / "other.parquet").unlink()
    path.write_bytes(whole)
    answer = cli("verify")
    assert (answer.code, answer.out) == (0, "")
    assert "1 categories of 1 runs" in answer.err
    assert "no damage" in answer.err


def test_the_same_length_and_an_equal_number_are_not_taken_for_the_same_file(full):
    """Sizes alone, or the numbers that a file holds, would not tell."""
    path = full / "carpet" / "metrics.json"
    path.write_bytes(path.read_bytes().rstrip(b"\n") + b" ")
    with pytest.raises(InputError, match=r"metrics\.json: damaged: its SHA-256"):
        run_folder.read_category(full, "carpet")


def test_ingest_refuses_a_damaged_category_and_takes_the_others(log_run, cli):
    folder = log_run("carpet", "tile", db=False)
    flip(folder / "carpet" / "images.parquet", 60, 2)
    answer = cli("ingest", "runs")
    assert answer.code == 4
    assert "carpet/images.parquet: damaged" in answer.err
    assert "promptad-db verify" in answer.err
    assert open_db().query("SELECT DISTINCT category FROM metrics").rows == [("tile",)]


@pytest.mark.parametrize("manifest", [True, False])
def test_rebuild_keeps_the_old_database_where_a_category_is_damaged(log_run, cli, manifest):
    """Without a manifest the fingerprint that the old database knows tells."""
    folder = log_run("carpet", "tile")
    if not manifest:
        (folder / "carpet" / "manifest.json").unlink()
    result = run_folder.read_category(folder, "carpet")
    result.timings = {"encode": 2.0}
    other = run_folder.create_run(Path("elsewhere"), run_folder.read_run(folder))
    run_folder.write_category(other, result)
    shutil.copy(other / "carpet" / "timings.json", folder / "carpet")
    before = Path("promptad.duckdb").read_bytes()
    answer = cli("rebuild")
    assert answer.code == 4
    assert "carpet" in answer.err
    assert "stays as it is" in answer.err
    assert Path("promptad.duckdb").read_bytes() == before
    answer = cli("rebuild", "--forget-damaged")
    assert answer.code == 4
    assert open_db().query("SELECT DISTINCT category FROM metrics").rows == [("tile",)]


def test_rebuild_takes_what_was_changed_by_a_command_and_is_not_in_the_database_yet(log_run, cli):
    folder = log_run("carpet")
    result = run_folder.read_category(folder, "carpet")
    result.timings = {"encode": 2.0}
    run_folder.write_category(folder, result, replace_existing=True)
    assert cli("rebuild").code == 0
    assert open_db().query("SELECT seconds FROM timings").rows == [(2.0,)]


def test_a_category_of_an_older_version_is_read_and_said_to_be_unverified(full, cli):
    (full / "carpet" / "manifest.json").unlink()
    before = everything(full)
    answer = cli("ingest", "runs")
    assert answer.code == 0
    assert "1 categories of an older version have no checksums" in answer.err
    answer = cli("verify")
    assert answer.code == 0
    assert "1 categories of an older version have no checksums" in answer.err
    timings = full / "carpet" / "timings.json"
    whole = timings.read_bytes()
    timings.write_bytes(whole.replace(b"1.25", b"2.25"))
    answer = cli("verify", "--format", "json")
    assert answer.code == 1
    assert "the database" in json.loads(answer.out)[0]["problem"]
    timings.write_bytes(whole)
    answer = cli("verify", "--accept-changes", full)
    assert answer.code == 0
    assert "checksums" not in cli("verify").err
    assert everything(full) == before
    assert "known already" in cli("ingest", "runs").err


def test_changes_by_hand_are_taken_where_that_is_asked_for(full, cli):
    index_folders([full])
    run_file, metrics = full / "run.json", full / "carpet" / "metrics.json"
    run_file.write_text(run_file.read_text().replace('"experiment": "default"', '"experiment": "renamed"'))
    assert "changed by hand" in cli("ingest", "runs").err
    assert cli("verify", "--accept-changes").code == 2
    assert cli("verify", "--accept-changes", full).code == 0
    assert cli("verify").code == 0
    assert cli("ingest", "runs").code == 0
    assert open_db().query("SELECT experiment FROM runs").rows == [("renamed",)]
    whole = metrics.read_bytes()
    metrics.write_text("[")
    answer = cli("verify", "--accept-changes", full)
    assert answer.code == 1
    assert "metrics.json" in answer.out.replace("\n", "")
    metrics.write_bytes(whole)
    assert cli("verify").code == 0


def test_tags_notes_and_fusions_keep_the_hashes_true(full, cli):
    index_folders([full])
    for command in (
        ("runs", "tag", full.name, "final"),
        ("runs", "note", full.name, "a note"),
        ("fuse", full, "--rule", "mean"),
        ("runs", "copy", "--to", "copies"),
    ):
        assert cli(*command).code == 0, command
        assert cli("verify", "runs").code == 0, command
    assert cli("verify", "copies").code == 0
    assert run_folder.has_weights(full, "carpet")


def test_a_fusion_keeps_no_damaged_file_of_the_category(full):
    """What it does not read is copied into the new writing, and would get a true hash there."""
    flip(full / "carpet" / "weights.safetensors", 100, 0)
    before = {path.name: path.read_bytes() for path in (full / "carpet").iterdir()}
    with pytest.raises(InputError, match=r"weights\.safetensors: damaged"):
        promptad_db.fuse(full, "mean")
    result = run_folder.read_category(log(Path("others")), "carpet")
    with pytest.raises(InputError, match=r"weights\.safetensors: damaged"):
        run_folder.write_category(full, result, replace_existing=True, keep_rest=True)
    assert {path.name: path.read_bytes() for path in (full / "carpet").iterdir()} == before


def test_a_copy_of_a_run_is_made_of_whole_files_alone(full):
    flip(full / "carpet" / "maps.parquet", 100, 0)
    with pytest.raises(InputError, match=r"maps\.parquet: damaged"):
        run_folder.copy_run(full, Path("copies"))


def test_verify_holds_a_run_on_a_store_against_its_hashes(s3_store, cli):
    folder = log(f"{s3_store}/runs", ("carpet", "grid"))
    assert cli("verify", f"{s3_store}/runs").code == 0
    (path,) = [name for name in folder.fs.find(folder.path) if name.endswith("images.parquet") and "/grid/" in name]
    content = bytearray(folder.fs.cat_file(path))
    content[-20] ^= 1
    folder.fs.pipe_file(path, bytes(content))
    answer = cli("verify", f"{s3_store}/runs", "--format", "json")
    assert answer.code == 1
    (found,) = json.loads(answer.out)
    assert found["path"].startswith(f"{folder}/grid")
    assert "damaged" in found["problem"]
    with pytest.raises(InputError, match=r"s3://.*grid.*images\.parquet: damaged"):
        run_folder.read_category(folder, "grid")
    assert run_folder.read_category(folder, "carpet").scores


def test_a_run_copied_by_hand_from_a_store_is_held_against_its_marker(s3_store, tmp_path):
    folder = log(f"{s3_store}/runs")
    here = tmp_path / "here" / folder.name
    for name in folder.fs.find(folder.path):
        path = here / name.removeprefix(folder.path).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(folder.fs.cat_file(name))
    (manifest,) = here.rglob("manifest.json")
    manifest.unlink()  # as older versions wrote it
    assert run_folder.read_category(here, "carpet").scores
    (metrics,) = here.rglob("metrics.json")
    metrics.write_bytes(metrics.read_bytes().replace(b" ", b"\n", 1))
    with pytest.raises(InputError, match=r"complete\.json"):
        run_folder.read_category(here, "carpet")


def test_hidden_files_of_an_operating_system_are_no_damage(full, cli):
    before = run_folder.category_fingerprint(full, "carpet")
    (full / "carpet" / ".DS_Store").write_bytes(b"x")
    assert cli("verify").code == 0
    assert run_folder.category_fingerprint(full, "carpet") == before


def test_nothing_to_verify_is_said(cli):
    answer = cli("verify", ".")
    assert answer.code == 5
    assert "no run folders" in answer.err


def _replace_again_and_again(folder, stop, answers):
    """Replace a category in a tight loop; each content is consistent in itself."""
    writes, failures = 0, []
    while not stop.is_set():
        try:
            result = run_folder.read_category(folder, "carpet")
            result.timings = {"encode": float(int(result.scores["memory"].min()) % 2)}
            result.scores = {name: scores + 1 for name, scores in result.scores.items()}
            run_folder.write_category(folder, result, replace_existing=True, keep_rest=True)
        except (PromptadError, OSError) as error:
            failures.append(str(error))
        writes += 1
    answers.put((writes, failures))


def test_ingest_and_readers_beside_a_writer_neither_break_it_nor_see_a_half(full):
    context = multiprocessing.get_context("spawn")
    answers, stop = context.Queue(), context.Event()
    writer = context.Process(target=_replace_again_and_again, args=(full, stop, answers), daemon=True)
    writer.start()
    for read in range(40):
        outcome = index_folders([full], replace=True)
        assert outcome.rejected == []
        result = run_folder.read_category(full, "carpet")
        written = {int(scores.min()) for scores in result.scores.values()}
        assert len(written) == 1
        assert result.timings["encode"] in {1.25, float((written.pop() - 1) % 2)}
        assert run_folder.list_categories(full) == ["carpet"]
        run_folder.update_run(full, note=str(read))
    stop.set()
    writes, failures = answers.get(timeout=60)
    writer.join(60)
    assert failures == []
    assert writes > 1
    assert run_folder.read_run(full).note == "39"
    assert [path.name for path in full.iterdir() if ".old-" in path.name or ".tmp-" in path.name] == []


def _add_tags(folder, name, count):
    for number in range(count):
        with run_folder.changing(folder):
            info = run_folder.read_run(folder)
            run_folder.update_run(folder, tags=(*info.tags, f"{name}{number}"))


def test_two_processes_that_change_one_run_lose_nothing_of_each_other(full):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add_tags, args=(full, name, 20)) for name in "xy"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len(run_folder.read_run(full).tags) == 41
    assert folder_at(full) == full
