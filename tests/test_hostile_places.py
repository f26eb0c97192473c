"""Paths that are no plain files, lead elsewhere or have hostile names: nothing hangs, nothing outside is touched."""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from promptad_db import ingest, run_folder
from promptad_db.datasets import open_dataset
from promptad_db.datasets.images import read_image
from promptad_db.datasets.split_csv import read_split
from promptad_db.errors import InputError
from promptad_db.run_folder.category import read_weights
from promptad_db.storage.files import read_json, read_text, require_file

RESULTS = '{"max": {"i_roc": 90.5}}'


def reasons(outcome):
    return {path.name: reason for path, reason in outcome.rejected}


@pytest.fixture
def special(tmp_path):
    """What is no plain file: a pipe, a device, a socket, a folder, and a link that leads to itself."""
    places = {name: tmp_path / name for name in ("pipe", "device", "socket", "folder", "loop")}
    os.mkfifo(places["pipe"])
    places["device"].symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(places["socket"]))
    places["folder"].mkdir()
    places["loop"].symlink_to(places["loop"])
    return places


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder", "loop"])
@pytest.mark.parametrize("read", [require_file, read_json, read_text, read_image, read_weights])
def test_what_is_no_plain_file_is_refused_and_never_waited_for(special, kind, read):
    with pytest.raises(InputError, match=str(special[kind])):
        read(special[kind])


@pytest.mark.parametrize("name", ["run.json", "x.json", "full_results.csv", "scores.parquet", "log.txt"])
def test_an_ingest_waits_for_no_pipe(tmp_path, make_run, name):
    place = tmp_path / "results"
    make_run({"carpet": {"max": 0.9}}, place)
    os.mkfifo(place / name)
    (place / f"device-{name}").symlink_to("/dev/zero")
    (place / f"loop-{name}").symlink_to(place / f"loop-{name}")
    outcome = ingest(place)
    assert len(outcome.added) == 1
    assert "not a plain file" in reasons(outcome)[name]
    assert len(outcome.rejected) == 3


@pytest.mark.parametrize("name", ["run.json", "images.parquet", "metrics.json"])
def test_a_pipe_in_a_run_folder_costs_what_it_is_part_of(log_run, name):
    folder = log_run("carpet", "grid", db=False)
    place = folder if name == "run.json" else folder / "carpet"
    (place / name).unlink()
    os.mkfifo(place / name)
    if name == "run.json":
        with pytest.raises(InputError, match="not a plain file"):
            run_folder.read_run(folder)
        return
    outcome = ingest(folder)
    assert len(outcome.added) == 1
    assert "carpet" in reasons(outcome)


@pytest.mark.parametrize("name", ["images.parquet", "maps.parquet", "masks.parquet", "metrics.json", "timings.json"])
def test_a_file_of_a_category_that_is_a_link_is_refused(log_run, tmp_path, name):
    folder = log_run("carpet", db=False)
    shutil.copy(folder / "carpet" / "images.parquet", tmp_path / "elsewhere")
    (folder / "carpet" / name).unlink(missing_ok=True)
    (folder / "carpet" / name).symlink_to(tmp_path / "elsewhere")
    for read in (run_folder.read_category, run_folder.category_fingerprint):
        with pytest.raises(InputError, match=f"{name}: a link"):
            read(folder, "carpet")


def test_a_run_file_a_gate_or_weights_that_are_links_are_refused(log_run, tmp_path):
    folder = log_run("carpet", db=False)
    for path in (folder / "run.json", folder / "carpet" / "gate.json", folder / "carpet" / "weights.safetensors"):
        path.unlink(missing_ok=True)
        path.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("{}")
    for read in (
        lambda: run_folder.read_run(folder),
        lambda: run_folder.read_category_gate(folder, "carpet"),
        lambda: run_folder.read_category_weights(folder, "carpet"),
    ):
        with pytest.raises(InputError, match="a link"):
            read()


def test_links_out_of_a_walked_folder_are_named_and_links_inside_of_it_are_followed(make_run, tmp_path):
    outside = make_run({"carpet": {"max": 0.9}}, tmp_path / "outside")
    inside = make_run({"grid": {"max": 0.8}}, tmp_path / "results" / "runs")
    (tmp_path / "outside" / "secret.json").write_text(RESULTS)
    links = tmp_path / "results" / "links"
    links.mkdir()
    (links / "secret.json").symlink_to(tmp_path / "outside" / "secret.json")
    (links / outside.name).symlink_to(outside)
    (links / inside.name).symlink_to(inside)
    outcome = ingest(tmp_path / "results")
    assert outcome.added == [inside.name]
    assert set(reasons(outcome)) == {"secret.json", outside.name}
    assert all("a link that leads out of the folder" in reason for reason in reasons(outcome).values())
    assert ingest(links / outside.name).added == [outside.name]


def test_links_that_make_a_circle_end(make_run, tmp_path):
    make_run({"carpet": {"max": 0.9}}, tmp_path / "results")
    (tmp_path / "results" / "again").symlink_to(tmp_path / "results")
    assert len(ingest(tmp_path / "results").added) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_may_not_be_listed_is_named(make_run, tmp_path):
    make_run({"carpet": {"max": 0.9}}, tmp_path / "results")
    (tmp_path / "results" / "locked").mkdir(mode=0)
    try:
        outcome = ingest(tmp_path / "results")
    finally:
        (tmp_path / "results" / "locked").chmod(0o700)
    assert "cannot be listed (Permission denied)" in reasons(outcome)["locked"]
    assert len(outcome.added) == 1


@pytest.mark.parametrize(
    "name", ["..", "../../etc", "/etc", "a\0b", "a/b", "C:\\x", "con", "x" * 5000, "\udcff", " ", "."]
)
def test_a_run_of_any_names_stays_in_its_root(tmp_path, make_run, name):
    root = tmp_path / "runs"
    try:
        folder = make_run({name: {"max": 0.9}}, root, dataset=name, experiment=name)
        assert run_folder.list_categories(folder) == [name]
    except InputError:
        pass
    except UnicodeEncodeError:
        assert name == "\udcff"
    assert {path.name for path in tmp_path.iterdir()} <= {"runs"}


@pytest.mark.parametrize("run_id", ["..", ".", "../x", "/etc", "a/b", "a\0b", "", "x" * 300, "\u202ex"])
def test_a_run_file_cannot_name_another_folder(tmp_path, make_run, run_id):
    import json

    folder = make_run({"carpet": {"max": 0.9}}, tmp_path / "runs")
    content = json.loads((folder / "run.json").read_text()) | {"run_id": run_id}
    (folder / "run.json").write_text(json.dumps(content))
    with pytest.raises(InputError):
        run_folder.read_run(folder)
    assert ingest(folder.parent).added == []


SPLIT = "object,split,label,image,mask\n"


@pytest.mark.parametrize(
    "row",
    [
        "..,test,anomaly,x/1.JPG,x/1.png",
        ".,test,anomaly,x/1.JPG,x/1.png",
        "a/b,test,anomaly,x/1.JPG,x/1.png",
        "a\\b,test,anomaly,x/1.JPG,x/1.png",
        "a\0b,test,anomaly,x/1.JPG,x/1.png",
        "candle,test,normal,../../etc/passwd,",
        "candle,test,normal,/etc/passwd,",
        "candle,test,normal,a\0b,",
        "candle,test,anomaly,x/1.JPG,../1.png",
        "candle,test,anomaly,x/1.JPG,/dev/zero",
    ],
)
def test_a_table_of_images_cannot_lead_out_of_the_data_root(tmp_path, row):
    (tmp_path / "split_csv").mkdir()
    (tmp_path / "split_csv" / "1cls.csv").write_text(SPLIT + row + "\n")
    with pytest.raises(InputError):
        read_split(tmp_path)


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "a/b", "", "."])
def test_a_data_set_is_named_by_a_plain_word(tmp_path, name):
    from promptad_db.errors import PromptadError

    with pytest.raises(PromptadError):
        open_dataset(name, tmp_path)
