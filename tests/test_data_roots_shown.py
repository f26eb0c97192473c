"""The pictures and the ground truth of runs, read from stores."""

import io
import re
from pathlib import Path

import pytest
from pictured_run import pictured_run
from PIL import Image
from stores import upload
from test_reader_mvtec_maps import data_set, maps
from ui_place import HOSTILE, make_world

from promptad_db import open_db
from promptad_db.cells.pictures import data_root_of, image_paths
from promptad_db.records import RunInfo
from promptad_db.storage import folder_at


def run_at(address):
    return RunInfo(
        "r", "e", "m", "baseline", "seg", "mvtec", 1, 111, "2026-01-01T00:00:00+00:00", source={"data_root": address}
    )


def test_maps_are_scored_against_the_ground_truth_on_a_store(store, cli):
    maps()
    here = data_set()
    upload(here, f"{store}/mvtec")
    flags = ("--branch", "semantic=semantic", "--branch", "memory=memory", "--k-shot", 1, "--data-root")
    for name, root in (("here", here), ("there", f"{store}/mvtec")):
        answer = cli("ingest", *flags, root, "--runs", f"{name}-runs", "--db", f"{name}.duckdb")
        assert answer.code == 0, answer.err
    sql = (
        "SELECT dataset, m.category, branch, level, metric, value FROM metrics m JOIN runs USING (run_id) ORDER BY ALL"
    )
    rows = [open_db(f"{name}.duckdb").query(sql).rows for name in ("here", "there")]
    assert rows[0] == rows[1]
    assert rows[0][0][0] == "mvtec"


@pytest.mark.slow
def test_the_gallery_of_the_report_takes_its_images_from_a_store(store, cli):
    pictured_run(Path())
    arguments = ("report", "--format", "html", "--gallery", 1, "--data-root")
    pages = [cli(*arguments, root).out for root in ("data", upload("data", f"{store}/data"))]
    here, there = (re.findall(r"data:image/png;base64,[^\"]+", page) for page in pages)
    assert here
    assert there == here
    assert "not at hand" not in pages[1]


def test_the_web_app_shows_images_of_a_store_and_none_beside_them(store, tmp_path):
    pytest.importorskip("starlette", reason="the extra ui is not installed")
    from starlette.testclient import TestClient

    from promptad_db.ui.app import create_app

    world = make_world(tmp_path)
    root = folder_at(upload(world.data, f"{store}/data"))
    app = create_app(world.database, world.runs, None, data_root=root)
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    asked = {"run": world.first, "category": "carpet", "kind": "picture"}
    answer = client.get("/image.png", params={**asked, "image": "hole/005.png"})
    assert Image.open(io.BytesIO(answer.content)).size == (48, 48)
    for image in ("../../../secret.png", "hole/999.png", HOSTILE):
        assert client.get("/image.png", params={**asked, "image": image}).status_code in (400, 404, 422)


@pytest.mark.parametrize("kind", ["s3", "gs"])
def test_images_are_found_where_the_run_found_them(request, kind, tmp_path):
    address = request.getfixturevalue(f"{kind}_store")
    world = make_world(tmp_path)
    upload(world.data, address)
    assert "hole/005.png" in image_paths(run_at(address), "carpet", None)
    assert image_paths(run_at(f"{address}-missing"), "carpet", None) == {}


@pytest.mark.parametrize(
    "address", ["sftp://elsewhere/data", "http://elsewhere/data", "SFTP://elsewhere", "github://a:b@/"]
)
def test_no_host_that_only_a_run_names_is_asked(address):
    assert data_root_of(run_at(address), None) is None
    assert image_paths(run_at(address), "carpet", None) == {}


def test_a_user_may_name_the_host_of_a_run(sftp_store, tmp_path):
    world = make_world(tmp_path)
    upload(world.data, sftp_store)
    again = str(folder_at(sftp_store))
    assert again == sftp_store
    assert "hole/005.png" in image_paths(run_at(again), "carpet", folder_at(again))
