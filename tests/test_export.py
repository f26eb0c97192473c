"""Every table and view as a file."""

from __future__ import annotations

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from promptad_db.db.queries.export import exportable


def test_every_table_and_view_becomes_a_parquet_file(cli, gate_place, tmp_path):
    assert cli("export", tmp_path / "out", "--db", gate_place / "promptad.duckdb").code == 0
    assert sorted(path.stem for path in (tmp_path / "out").iterdir()) == sorted(exportable())
    assert pq.read_table(tmp_path / "out" / "branch_gap.parquet").num_rows == 162
    assert pq.read_table(tmp_path / "out" / "metrics.parquet").num_rows == 810 + 162 + 120


def test_csv_and_a_choice_of_tables(cli, gate_place, tmp_path):
    answer = cli("export", tmp_path, "--as", "csv", "--only", "runs,branch_gap", "--db", gate_place / "promptad.duckdb")
    assert answer.code == 0
    assert pyarrow.csv.read_csv(tmp_path / "runs.csv").num_rows == 12
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv"}


@pytest.mark.parametrize(("arguments", "code"), [(("--only", "nobody"), 2), ((), 4), (("--force",), 0)])
def test_unknown_names_and_existing_files_are_refused(cli, gate_place, tmp_path, arguments, code):
    (tmp_path / "o'ut").mkdir()
    (tmp_path / "o'ut" / "runs.parquet").write_text("mine")
    answer = cli("export", tmp_path / "o'ut", *arguments, "--db", gate_place / "promptad.duckdb")
    assert answer.code == code
    assert ((tmp_path / "o'ut" / "runs.parquet").read_bytes() == b"mine") == (code != 0)
