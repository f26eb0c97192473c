"""Run folders as released versions wrote them are read and indexed; those of a later version are refused."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from promptad_db import open_db, run_folder
from promptad_db.db import index_folders
from promptad_db.db.engine import migrate

STORED = Path(__file__).parent / "stored"
FOLDERS = sorted(STORED.glob("format_*/*"))


def test_a_run_folder_of_every_format_is_stored():
    found = {folder.parent.name for folder in FOLDERS}
    assert found == {f"format_{number}" for number in range(1, run_folder.FORMAT + 1)}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_stored_run_folder_is_read_and_gives_the_numbers_of_its_time(folder):
    info = run_folder.read_run(folder)
    assert (info.method, info.tags, info.status) == ("stored", ("stored",), "finished")
    random = np.random.default_rng(0)
    for category in ("carpet", "tile"):
        result = run_folder.read_category(folder, category)
        for branch in ("semantic", "memory"):
            assert np.array_equal(result.maps[branch], random.random((4, 4, 4)).astype(np.float32))
        assert (result.masks.sum(), result.timings["encode"]) == (18, 0.5)
    assert index_folders([folder], "fresh.duckdb").added == [folder.name]
    rows = open_db("fresh.duckdb").query("SELECT category, semantic, memory FROM branch_gap ORDER BY category").rows
    old = Path("old.duckdb")
    old.write_bytes(gzip.decompress((STORED / "schema_0001.duckdb.gz").read_bytes()))
    migrate.migrate(old)
    wanted = open_db(old).query("SELECT category, semantic, memory FROM branch_gap ORDER BY category").rows
    assert rows == [(category, pytest.approx(one), pytest.approx(two)) for category, one, two in wanted]


def test_stored_run_folders_with_and_without_placements_stand_side_by_side(cli):
    answer = cli("ingest", STORED / "format_1")
    assert answer.code == 0, answer.err
    assert len(open_db().query("SELECT DISTINCT run_id FROM placements").rows) == 1
    assert cli("report", "--ci").code == 0
    before = Path("promptad.duckdb").read_bytes()
    assert cli("ingest", STORED / "format_1").code == 0
    assert Path("promptad.duckdb").read_bytes() == before


def test_a_run_folder_of_a_newer_format_is_refused_with_the_upgrade_and_others_are_taken(cli):
    shutil.copytree(STORED / "format_1", "runs")
    newer = Path("runs", FOLDERS[0].name, "run.json")
    newer.write_text(newer.read_text().replace('"format": 1', f'"format": {run_folder.FORMAT + 1}'))
    answer = cli("ingest", "runs")
    assert answer.code == 4
    assert "pip install -U promptad-db" in answer.err
    assert FOLDERS[0].name in answer.err
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(1,)]
