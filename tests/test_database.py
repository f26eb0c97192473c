"""The database as an index of run folders: whole runs, no doubles, clear answers when it cannot be used."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from measured_runs import Laboratory

from promptad_db import run_folder
from promptad_db.db import index_folders, open_db
from promptad_db.db.engine import connect, migrate, schema, sql_files, tables
from promptad_db.errors import DatabaseLockedError
from promptad_db.storage.lock import lock_paths, locked

STORED = Path(__file__).parent / "stored"


def counts(database):
    query = " UNION ALL ".join(f"SELECT '{name}' AS name, COUNT(*) AS n FROM {name}" for name in tables.metadata.tables)
    return dict(open_db(database).query(query).rows)


def test_the_head_that_the_code_wants_is_the_newest_migration():
    assert next(iter(schema.revisions())) == schema.HEAD


def test_the_stored_database_of_every_revision_upgrades_to_head(tmp_path):
    stored = sorted(STORED.glob("schema_*.duckdb.gz"))
    assert [path.name.removesuffix(".duckdb.gz").removeprefix("schema_") for path in stored] == sorted(
        schema.revisions()
    )
    for path in stored:
        copy = tmp_path / path.stem
        copy.write_bytes(gzip.decompress(path.read_bytes()))
        migrate.init(copy)
        assert open_db(copy).query("SELECT COUNT(*) FROM branch_gap").rows == [(2,)]
        with connect.reading(copy) as connection:
            views = {view.name: view.sql for view in sql_files.load_views()}
            for name in views:
                connection.exec_driver_sql(f"SELECT * FROM {name} LIMIT 1")


def test_the_views_of_the_stored_head_are_those_of_the_code():
    fresh = Path("fresh.duckdb")
    migrate.init(fresh)
    query = "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY view_name"
    stored = Path("stored.duckdb")
    stored.write_bytes(gzip.decompress((STORED / f"schema_{schema.HEAD}.duckdb.gz").read_bytes()))
    assert open_db(fresh).query(query).rows == open_db(stored).query(query).rows, (
        "views changed: add a revision, and store a database of it"
    )


def test_a_broken_category_is_named_and_the_others_are_taken(cli, log_run):
    folder = log_run("carpet", "tile", db=False)
    (folder / "tile" / "maps.parquet").write_bytes(b"PAR1 nonsense")
    answer = cli("ingest", folder)
    assert answer.code == 4
    assert "maps.parquet" in answer.err
    rows = json.loads(cli("sql", "SELECT DISTINCT category FROM metrics", "--format", "json").out)
    assert rows == [{"category": "carpet"}]


def test_a_run_folder_that_moved_is_found_at_its_new_place(cli, log_run, tmp_path):
    folder = log_run("carpet")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(folder, tmp_path / "elsewhere" / folder.name)
    cli("ingest", tmp_path / "elsewhere")
    assert open_db().query("SELECT folder FROM runs").rows == [(str(tmp_path / "elsewhere" / folder.name),)]


def _hold(database: str, seconds: float, ready: str) -> None:
    with locked(Path(database), exclusive=True):
        Path(ready).touch()
        time.sleep(seconds)


def _holding(seconds: float) -> multiprocessing.Process:
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=("promptad.duckdb", seconds, "ready"))
    process.start()
    while not Path("ready").exists():
        time.sleep(0.01)
    return process


def test_a_locked_database_is_waited_for(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}})
    holder = _holding(1.0)
    assert cli("ingest", "runs").code == 0
    holder.join()


def test_a_database_that_stays_locked_keeps_the_run_folders_and_says_so(cli, shared_gate, monkeypatch, tmp_path):
    cli("init")
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.2")
    holder = _holding(60)
    answer = cli("ingest", shared_gate)
    assert answer.code == 3
    assert "PROMPTAD_LOCK_TIMEOUT" in answer.err
    assert "promptad-db ingest" in answer.err
    assert len(run_folder.find_runs(tmp_path / "runs")) == 12
    assert cli("report").code == 3
    holder.kill()
    holder.join()
    assert cli("ingest", "runs").code == 0
    assert counts("promptad.duckdb")["runs"] == 12


def limited(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python code where no file may grow beyond 1.6 MB: as on a full disk, writing fails."""
    program = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1_600_000, 1_600_000))\n{code}"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_database_that_cannot_grow_keeps_the_run_folders_and_says_so(cli, shared_gate):
    answer = limited("from promptad_db.cli.main import main; main()", "ingest", shared_gate, "--db", "full disk.duckdb")
    assert answer.returncode == 3, answer.stderr
    assert "full disk.duckdb: DuckDB cannot work with it" in answer.stderr
    assert "make room" in answer.stderr
    finish = next(line for line in answer.stderr.splitlines() if "finish the job" in line).split(": ")[1]
    assert counts("full disk.duckdb")["runs"] == 0
    assert cli(*shlex.split(finish)[1:]).code == 0
    assert counts("full disk.duckdb")["runs"] == 12


def test_a_run_whose_database_cannot_grow_ends_with_a_warning(cli):
    code = """
import promptad_db
with promptad_db.start_run(dataset="mvtec", task="cls", k_shot=1, seed=1, method="m") as run:
    for number in range(40):
        images = [f"{number}-{index:06}" for index in range(2000)]
        scores = {"semantic": [index / 2000 for index in range(2000)]}
        run.log_category(f"c{number}", images=images, labels=[index % 2 for index in range(2000)], branches=scores)
"""
    answer = limited(code)
    assert answer.returncode == 0, answer.stderr
    assert "the run is safe in" in answer.stderr
    assert cli("ingest", "runs").code == 0
    assert counts("promptad.duckdb")["image_scores"] == 80_000


def test_the_lock_of_a_killed_process_needs_no_human(monkeypatch):
    holder = _holding(60)
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.1")
    shared = locked(Path("promptad.duckdb"), exclusive=False)
    with pytest.raises(DatabaseLockedError):
        shared.__enter__()
    holder.kill()
    holder.join()
    with locked(Path("promptad.duckdb"), exclusive=True):
        assert all(path.exists() for path in lock_paths(Path("promptad.duckdb")))


@pytest.mark.slow
def test_many_processes_writing_at_once_lose_nothing(make_run):
    folders = [make_run({"tile": {"semantic": 0.5, "memory": index / 100}}, seed=index) for index in range(24)]
    processes = [
        subprocess.Popen([sys.executable, "-m", "promptad_db", "ingest", str(folder)], stderr=subprocess.PIPE)
        for folder in folders
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 24, errors
    found = counts("promptad.duckdb")
    assert (found["runs"], found["run_categories"], found["metrics"]) == (24, 24, 48)


def test_every_view_and_report_file_loads_with_its_comment():
    folders = (*sql_files.VIEWS, "reports", "selection", "audit", "compare", "lists", "contrasts", "plots", "checks")
    for folder in folders:
        for name in sql_files.names(folder):
            assert sql_files.load_sql(folder, name).title
    order = [view.name for view in sql_files.load_views()]
    assert sorted(order) == sorted(name for folder in sql_files.VIEWS for name in sql_files.names(folder))
    assert order.index("run_keys") < order.index("run_auroc") < order.index("cells") < order.index("branch_gap")


@pytest.mark.parametrize(
    ("head", "wrong"),
    [
        ("-- x\n", "task"),
        ("-- x\n-- parameters: task, k_shot\n", "k_shot"),
        ("-- x\n-- parameters: k_shot\n", "k_shot, task"),
    ],
)
def test_a_parameter_that_is_not_declared_or_not_used_is_refused_when_the_file_is_loaded(
    tmp_path, monkeypatch, head, wrong
):
    folder = tmp_path / "sql" / "lists"
    folder.mkdir(parents=True)
    (folder / "mine.sql").write_text(f"{head}SELECT * FROM runs WHERE task = :task")
    monkeypatch.setattr(sql_files.resources, "files", lambda _package: tmp_path)
    with pytest.raises(ValueError, match=rf"^sql/lists/mine.sql: {wrong}: declared or used, not both$"):
        sql_files.load_sql("lists", "mine")


def test_the_database_says_itself_what_its_tables_views_and_columns_mean():
    migrate.init("promptad.duckdb")
    database = open_db()
    tables_and_views = dict(
        database.query(
            "SELECT table_name, comment FROM duckdb_tables() UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
        ).rows
    )
    assert all(tables_and_views.values())
    assert all(
        comment.startswith("Raw: ") for name, comment in tables_and_views.items() if name in tables.metadata.tables
    )
    assert tables_and_views["branch_gap"] == sql_files.load_sql("views", "branch_gap").title
    columns = {
        row[:2]: row[2]
        for row in database.query(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        ).rows
    }
    assert all(columns.values())
    assert columns["branch_gap", "gap"] == "memory - semantic, -1..1."
    assert columns["categories", "kind"] == "texture or object; NULL where that is not known."
    comments = sql_files.load_comments()
    used = {column for _, column in columns}
    assert set(comments["columns"]) <= used, "a comment on a column that is not there"
    assert all(
        (table, column) in columns for table in set(comments) - {"tables", "columns"} for column in comments[table]
    )


def test_the_views_agree_with_the_report(gate_place, cli):
    report = json.loads(
        cli("report", "--section", "summary", "--format", "json", "--db", gate_place / "promptad.duckdb").out
    )
    view = open_db(gate_place / "promptad.duckdb").query("SELECT * FROM task_summary ORDER BY task").records()
    for row, wanted in zip(view, report["summary"], strict=True):
        for name in ("cells", "left_out", "semantic_weaker", "memory_weaker", "ties"):
            assert row[name] == wanted[name]
        for name in ("semantic_mean", "memory_mean", "mean_gap", "mean_abs_gap"):
            assert row[name] == pytest.approx(wanted[name], abs=1e-11)


def test_branches_tie_where_they_differ_by_less_than_the_precision():
    by_precision = {
        0.0: [(0.9, 0.9, "tie"), (0.9, 0.90001, "semantic"), (0.90001, 0.9, "memory")],
        # Of floats, 0.8001 - 0.8 is a little less than one step of 0.0001.
        1e-4: [
            (0.9, 0.9, "tie"), (0.9, 0.90004, "tie"), (0.90004, 0.9, "tie"), (0.8, 0.8001, "semantic"),
            (0.8001, 0.8, "memory"), (None, 0.9, None),
        ],
    }  # fmt: skip
    lab = Laboratory()
    for precision, cells in by_precision.items():
        aurocs = {str(number): {"semantic": one, "memory": other} for number, (one, other, _) in enumerate(cells)}
        folder = lab.run(aurocs, precision=precision, method=str(precision))
        index_folders([folder])
        query = "SELECT weak_branch FROM branch_gap WHERE method = :method ORDER BY category"
        assert open_db().query(query, method=str(precision)).rows == [(weak,) for _, _, weak in cells]


def test_branch_stats_are_those_of_the_stored_scores(log_run):
    folder = log_run("carpet")
    result = run_folder.read_category(folder, "carpet")
    rows = open_db().query("SELECT * FROM branch_stats WHERE level = 'pixel' AND branch = 'memory'").records()
    assert rows[0]["n"] == 6 * 6 * 6
    assert rows[0]["mean"] == pytest.approx(float(result.maps["memory"].astype("float64").mean()))
    assert rows[0]["max"] == float(result.maps["memory"].max())


def test_a_category_that_broke_later_keeps_its_rows_when_the_run_grows(log_run, make_run):
    from promptad_db.records import CategoryResult, Metric

    folder = log_run("carpet", "tile")
    (folder / "tile" / "maps.parquet").write_bytes(b"broken")
    run_folder.write_category(
        folder, CategoryResult("wood", metrics=[Metric("pixel", "semantic", "auroc", 0.25, "reported")])
    )
    outcome = index_folders([folder])
    assert outcome.extended == [folder.name]
    assert len(outcome.rejected) == 1
    assert open_db().query("SELECT DISTINCT category FROM metrics ORDER BY 1").rows == [
        ("carpet",),
        ("tile",),
        ("wood",),
    ]


def test_threads_that_read_with_and_without_guards_wait_for_each_other(make_run):
    index_folders([make_run({"tile": {"semantic": 0.9}})], "db")
    with ThreadPoolExecutor(1) as pool:
        with connect.reading("db"):
            guarded = pool.submit(counts, "db")
            time.sleep(0.3)
            assert not guarded.done()
        assert guarded.result(20)["runs"] == 1
