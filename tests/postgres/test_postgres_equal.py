"""The same run folders say the same through a DuckDB file and through PostgreSQL, byte for byte."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from measured_runs import TIMINGS, Laboratory, both

from promptad_db import fuse, ingest, start_run
from promptad_db.db import index_folders
from promptad_db.db.engine import sql_files
from promptad_db.db.queries.audit import audit
from promptad_db.db.queries.compare import compare, compare_variants
from promptad_db.db.queries.export import exportable
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.sections import SECTIONS
from promptad_db.db.queries.selection import Filters
from promptad_db.tables import FORMATS, render

HOSTILE = "<script>alert(1)</script>%s :x 'q' \"d\" \\ \t"
NAMES = ("tile", "Tile", "_tile", "Ärger", "zebra", "b c", HOSTILE)


class Twins(NamedTuple):
    """One set of run folders, indexed in a file and on a server."""

    file: Path
    address: str


@pytest.fixture(scope="module")
def gate(shared_gate, gate_place, server, new_database):
    address = server.address(new_database())
    outcome = ingest(gate_place / "runs", db=address)
    assert (len(outcome.added), outcome.rejected) == (12, [])
    return Twins(gate_place / "promptad.duckdb", address)


@pytest.fixture(scope="module")
def small(server, new_database, tmp_path_factory):
    """Runs of everything that a report may speak of: exact scores, fusions, gates, variants, seeds, timings, ties,
    undefined numbers, names in many alphabets and cases.
    """
    place = tmp_path_factory.mktemp("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        _write_small_runs()
        folders = sorted(path.parent.resolve() for path in Path("runs").glob("*/run.json"))
    twins = Twins(place / "promptad.duckdb", server.address(new_database()))
    for database in twins:
        outcome = index_folders(folders, database)
        assert (len(outcome.added), outcome.rejected) == (9, [])
    return twins


def _write_small_runs():
    lab = Laboratory()
    lab.run({name: both(0.70 + 0.01 * index, 0.81) for index, name in enumerate(NAMES)}, timings=TIMINGS)
    lab.run({name: both(0.75, 0.80 - 0.01 * index) for index, name in enumerate(NAMES)}, variant="spatial_prompts")
    lab.run({"tile": both(0.5, 0.5), "wood": {"semantic": None, "memory": 0.5, "max": None}}, seed=None, task="cls")
    lab.run({"tile": both(0.9, 0.3, gate=0.95, gate_hard=0.91)}, shares={"gate": 0.25, "gate_hard": 0.4}, k_shot=2)
    lab.run({"tile": both(0.8, 0.8004)}, precision=0.001, k_shot=4, method="M2", dataset="visa", experiment="other")
    random = np.random.default_rng(0)
    masks = np.zeros((6, 24, 24), dtype=bool)
    masks[3:, 8:14, 4:12] = True
    for seed in (1, 2):
        for task in ("cls", "seg"):
            with start_run(
                dataset="mvtec", task=task, k_shot=1, seed=seed, method="m", experiment="e", db=False
            ) as run:
                for category in ("carpet", "Tile"):
                    run.log_category(
                        category,
                        images=[f"crack/{index:03d}.png" for index in range(6)],
                        branches={name: random.random((6, 6, 6)) for name in ("semantic", "memory")},
                        masks=masks,
                    )
            fuse(run.folder, "oracle", db="fusing.duckdb")


def assert_equal(made):
    """Two reports are one, in every format."""
    one, other = made
    assert other.notes == one.notes
    for output in FORMATS:
        assert render(other.sections, output) == render(one.sections, output)


@pytest.mark.parametrize("data", ["gate", "small"])
@pytest.mark.parametrize("section", [None, *SECTIONS])
def test_every_section_is_equal_in_every_format(request, data, section):
    twins = request.getfixturevalue(data)
    for experiments in [None] if data == "gate" else [("e",), ("e", "other")]:
        filters = Filters(experiments=experiments)
        assert_equal([report(place, filters, sections=[section] if section else ()) for place in twins])


def test_intervals_are_equal(gate, small):
    for twins, experiments in ((gate, None), (small, ("e",))):
        assert_equal([report(place, Filters(experiments=experiments), ci=True) for place in twins])
        assert_equal([compare("semantic", "memory", place, ci=True) for place in twins])


@pytest.mark.parametrize(
    "filters",
    [
        Filters(branches=("semantic", "max")),
        Filters(provenance="exact"),
        Filters(provenance="reported", tasks=("seg",)),
        Filters(categories=("Tile", HOSTILE)),
        Filters(k_shots=(1, 2), seeds=(111, 2)),
        Filters(variants=("spatial_prompts",)),
        Filters(methods=("m", "M2"), datasets=("mvtec", "visa"), experiments=("other", "e")),
    ],
)
def test_filters_choose_the_same(small, filters):
    assert_equal([report(place, filters, top=3, min_gap=0.01) for place in small])


def test_audits_are_equal(gate, small):
    for twins, estimate in ((gate, "auto"), (gate, "stored"), (small, "computed")):
        one, other = (audit(place, Filters(), estimate=estimate) for place in twins)
        assert other == one


def test_comparisons_are_equal(gate, small):
    for pair in (("max", "memory"), ("semantic", "memory")):
        assert_equal([compare(*pair, place) for place in gate])
    assert_equal([compare("baseline", "spatial_prompts", place) for place in small])
    assert_equal([compare_variants(place, ["spatial_prompts"], Filters(experiments=("e",))) for place in small])


@pytest.mark.parametrize(
    "words",
    [
        ("report", "--format", "html"),
        ("runs", "list", "--format", "csv"),
        ("runs", "list", "--task", "cls"),
        ("check", "--experiment", "e", "--format", "json"),
        ("check", "--experiment", "e,other"),
        ("report", "--category", "nobody"),
        ("runs", "show", "nobody"),
        ("sql", "SELECT category, COUNT(*) AS n FROM metrics GROUP BY category ORDER BY category"),
        ("sql", "SELECT nothing FROM nowhere", "--limit", "0"),
    ],
)
def test_commands_answer_alike(cli, small, words):
    from_file, from_server = (cli(*words, "--db", place) for place in small)
    assert from_server.code == from_file.code
    named = re.compile(r"database \S+;")  # the page of a report says where it is from
    assert named.sub("database;", from_server.out) == named.sub("database;", from_file.out)


def test_runs_are_shown_alike(cli, small):
    for folder in small.file.parent.glob("runs/*/run.json"):
        from_file, from_server = (cli("runs", "show", folder.parent.name, "--db", place) for place in small)
        assert from_server == from_file


def test_the_gate_data_is_checked_alike(cli, gate):
    from_file, from_server = (cli("check", "--format", "json", "--db", place) for place in gate)
    assert from_server == from_file


@pytest.mark.parametrize("name", [*sql_files.names("views"), "metrics", "runs", "image_scores"])
def test_the_views_answer_sql_alike(cli, small, name):
    words = ("sql", f"SELECT * FROM {name}", "--limit", "0", "--format", "json", "--db")
    from_file, from_server = (json.loads(cli(*words, place).out) for place in small)
    assert len(from_file) == len(from_server) > 0
    assert list(from_server[0]) == list(from_file[0])
    for ours, theirs in zip(sorted(from_file, key=_key), sorted(from_server, key=_key), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-12)


def _key(row):
    return [repr(value) for value in row.values() if not isinstance(value, float)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_exports_hold_the_same_rows(cli, small, kind):
    for folder, place in zip(("from_file", "from_server"), small, strict=True):
        assert cli("export", folder, "--as", kind, "--db", place).code == 0
    for name in exportable():
        one, other = (_rows(Path(folder) / f"{name}.{kind}") for folder in ("from_file", "from_server"))
        assert one == other, name


def _rows(file):
    if file.suffix == ".csv":
        with file.open(newline="") as opened:
            names, *rows = csv.reader(opened)
    else:
        table = pq.read_table(file)
        names, rows = table.column_names, [row.values() for row in table.to_pylist()]
    return names, sorted(repr([_rounded(value) for value in row]) for row in rows)


def _rounded(value):
    """A sum of doubles depends on the order of its rows in its last digits; a file may hold any number as a text."""
    try:
        return round(float(value), 9)
    except (TypeError, ValueError):
        return value
