"""What every database does, whatever keeps it: a new one subclasses ``DatabaseContract`` and gives it two fixtures."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from measured_runs import Laboratory, both

from promptad_db import open_db, run_folder
from promptad_db.db import database_path, index_folders
from promptad_db.db.engine import connect, migrate, schema, tables
from promptad_db.db.index import write
from promptad_db.db.index.rebuild import rebuild
from promptad_db.errors import DatabaseError, DatabaseLockedError, QueryError, SchemaError
from promptad_db.records import CategoryResult, Metric

BEFORE = sorted(schema.revisions())[-2]
WRITTEN = {"TEXT": "VARCHAR", "DOUBLE PRECISION": "DOUBLE", "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP"}
ENDLESS = "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT (a + 1) % 1000 FROM r) SELECT MAX(a) FROM r"
CHANGES = [
    "INSERT INTO runs SELECT * FROM runs", "DELETE FROM runs", "UPDATE runs SET note = 'x'", "CREATE TABLE mine (x INT)",
    "DROP VIEW branch_gap", "DROP TABLE runs", "SELECT 1; DELETE FROM runs", "BEGIN",
    "COPY runs TO 'never.csv'",
]  # fmt: skip


def counts(database):
    query = " UNION ALL ".join(f"SELECT '{name}', COUNT(*) FROM {name}" for name in tables.metadata.tables)
    return dict(open_db(database).query(query).rows)


def reported(category, value):
    return CategoryResult(category, metrics=[Metric("pixel", "max", "auroc", value, "reported")])


def add_tag(connection, tag):
    connection.execute(sa.insert(tables.run_tags).values(run_id="r", tag=tag))


def tags(connection):
    return sorted(connection.execute(sa.select(tables.run_tags.c.tag)).scalars())


def stored_tags(database):
    with connect.reading(database) as connection:
        return tags(connection)


def set_revision(database, revision):
    with connect.migrating(database) as connection:
        connection.exec_driver_sql(f"UPDATE {schema.REVISION_TABLE} SET version_num = '{revision}'")


def revision_of(database):
    with connect.database_path(database).reading() as connection:
        return schema.revision_of(connection)


class DatabaseContract:
    """A subclass has the fixtures ``make_database``, which makes a database with nothing in it wherever such ones are made, and
    ``unreachable``, the address of one that cannot be reached; both as ``--db`` takes them.
    """

    @pytest.fixture
    def database(self, make_database):
        """A database of this version's schema, without runs."""
        made = database_path(make_database())
        assert migrate.init(made) == (None, schema.HEAD)
        return made

    @pytest.fixture
    def lab(self):
        return Laboratory()

    @pytest.fixture
    def folder(self, lab):
        """A run that is not in the database."""
        return lab.run({"tile": both(0.5, 0.6)})

    @pytest.fixture
    def migrations(self, tmp_path):
        """A copy of the migrations."""
        return shutil.copytree(schema.migrations_folder(), tmp_path / "copied" / "migrations")

    @pytest.fixture
    def old(self, make_database, migrations, monkeypatch):
        """A database of the schema before this one, without views."""
        (last,) = migrations.glob(f"versions/{schema.HEAD}_*.py")
        content = last.read_text()
        last.unlink()
        old = database_path(make_database())
        with monkeypatch.context() as patched:
            patched.setattr(schema, "migrations_folder", lambda: migrations)
            migrate.init(old)
        last.write_text(content)
        return old

    # Where it is

    def test_its_text_leads_back_to_it(self, database):
        assert database.exists()
        assert database_path(str(database)) == database
        assert open_db(str(database)).query("SELECT COUNT(*) FROM runs").rows == [(0,)]

    def test_one_that_cannot_be_reached_is_an_error_with_what_to_do(self, unreachable, cli):
        with pytest.raises(DatabaseError) as error:
            open_db(unreachable)
        assert error.value.hint
        assert cli("report", "--db", unreachable).code == 3
        assert cli("migrate", "--db", unreachable).code == 3

    # Its schema

    def test_it_has_the_tables_and_columns_of_the_models(self, database):
        with connect.reading(database) as connection:
            inspector = sa.inspect(connection)
            assert {*inspector.get_table_names()} == {*tables.metadata.tables, schema.REVISION_TABLE}

            def kind(column_type):
                text = column_type.compile(connection.dialect).partition(" COLLATE")[0]
                return WRITTEN.get(text, text)

            for table in tables.metadata.tables.values():
                found = inspector.get_columns(table.name)
                assert [(column["name"], column["nullable"], kind(column["type"])) for column in found] == [
                    (column.name, column.nullable, kind(column.type)) for column in table.columns
                ]

    def test_init_does_nothing_the_second_time(self, make_database, cli):
        database = make_database()
        assert "new" in cli("init", "--db", database).err
        assert "nothing to do" in cli("init", "--db", database).err
        assert cli("report", "--db", database).code == 5

    def test_tables_of_another_program_are_left_alone(self, make_database, cli):
        theirs = make_database()
        engine = sa.create_engine(_address(theirs))
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE runs (x INTEGER)")
        engine.dispose()
        assert ((answer := cli("init", "--db", theirs)).code, "not ours" in answer.err) == (3, True)
        for words in (("report",), ("migrate",), ("sql", "SELECT 1")):
            answer = cli(*words, "--db", theirs)
            assert (answer.code, "promptad-db init --db" in answer.err) == (3, True), answer.err

    def test_a_schema_that_is_made_half_is_not_there(self, make_database):
        database = database_path(make_database())

        def dies():
            with connect.migrating(database) as connection:
                schema.upgrade(connection)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            dies()
        migrate.init(database)
        assert revision_of(database) == schema.HEAD
        assert counts(database)["runs"] == 0

    @pytest.mark.parametrize(
        ("revision", "how"), [("0000", "promptad-db migrate"), ("9999", "pip install -U promptad-db")]
    )
    def test_another_revision_is_refused_with_the_next_command(self, database, folder, cli, revision, how):
        set_revision(database, revision)
        for words in (("report",), ("ingest", folder), ("sql", "SELECT 1")):
            answer = cli(*words, "--db", database)
            assert (answer.code, how in answer.err) == (3, True), answer.err
        with pytest.raises(SchemaError):
            index_folders([folder], database)

    def test_an_old_schema_is_brought_to_head_when_it_is_told_to(self, old, cli):
        assert "promptad-db migrate --db" in cli("report", "--db", old).err
        answer = cli("migrate", "--dry-run", "--db", old)
        assert (answer.code, answer.out.startswith(f"{schema.HEAD}  ")) == (0, True)
        assert revision_of(old) == BEFORE
        assert cli("migrate", "--db", old).code == 0
        assert revision_of(old) == schema.HEAD
        assert cli("report", "--db", old).code == 5
        assert "nothing to do" in cli("migrate", "--db", old).err

    @pytest.mark.parametrize("failure", ['op.execute("SELECT no_such_column FROM runs")', "raise KeyboardInterrupt"])
    def test_a_migration_that_fails_is_rolled_back(self, old, migrations, cli, monkeypatch, failure):
        (last,) = migrations.glob(f"versions/{schema.HEAD}_*.py")
        last.write_text(f"{last.read_text()}    op.drop_table('metrics')\n    {failure}\n")
        with monkeypatch.context() as patched:
            patched.setattr(schema, "migrations_folder", lambda: migrations)
            if "Keyboard" in failure:
                with pytest.raises(KeyboardInterrupt):
                    migrate.migrate(old)
            else:
                answer = cli("migrate", "--db", old)
                assert (answer.code, "no_such_column" in answer.err) == (3, True), answer.err
        assert revision_of(old) == BEFORE
        with old.reading() as connection:
            assert connection.exec_driver_sql("SELECT COUNT(*) FROM metrics").scalar() == 0
        assert cli("migrate", "--db", old).code == 0

    def test_without_a_revision_it_is_refused_with_init(self, database, folder, cli):
        with connect.migrating(database) as connection:
            connection.exec_driver_sql(f"DROP TABLE {schema.REVISION_TABLE}")
        for words in (("migrate",), ("report",), ("ingest", folder), ("sql", "SELECT 1")):
            answer = cli(*words, "--db", database)
            assert (answer.code, "promptad-db init --db" in answer.err) == (3, True), answer.err

    # Reading and writing

    def test_a_transaction_is_stored_whole_or_not_at_all(self, database):
        with connect.writing(database) as connection:
            add_tag(connection, "kept")

        def dies():
            with connect.writing(database) as connection:
                add_tag(connection, "lost")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            dies()
        assert stored_tags(database) == ["kept"]

    def test_transactions_one_after_another_are_each_stored(self, database):
        with connect.transactions(database) as transaction:
            for tag in ("one", "two"):
                with transaction() as connection:
                    add_tag(connection, tag)
            with pytest.raises(sa.exc.StatementError), transaction() as connection:
                connection.execute(sa.insert(tables.run_tags), [{"run_id": "r", "tag": "lost"}, {"run_id": "r"}])
            with transaction() as connection:
                assert tags(connection) == ["one", "two"]

    def test_a_reader_sees_one_view_while_others_write(self, database):
        def write_one():
            with connect.writing(database) as connection:
                add_tag(connection, "new")

        writer = threading.Thread(target=write_one)
        with connect.reading(database) as connection:
            assert tags(connection) == []
            writer.start()
            time.sleep(0.3)
            assert tags(connection) == []
        writer.join()
        assert stored_tags(database) == ["new"]

    def test_readers_do_not_wait_for_each_other(self, database, monkeypatch):
        monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.1")
        code = "import sys; from promptad_db import open_db; print(open_db(sys.argv[1]).query('SELECT COUNT(*) FROM runs').rows)"
        with connect.reading(database):
            answer = subprocess.run(
                [sys.executable, "-c", code, str(database)], capture_output=True, text=True, timeout=60, check=True
            )
        assert answer.stdout == "[(0,)]\n"

    def test_waiting_for_another_ends(self, database, folder, monkeypatch):
        monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.2")
        with connect.migrating(database), pytest.raises(DatabaseLockedError, match="PROMPTAD_LOCK_TIMEOUT"):
            index_folders([folder], database)
        assert index_folders([folder], database).added == [folder.name]

    def test_the_lock_of_a_killed_process_needs_no_human(self, database, folder, monkeypatch):
        monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "20")
        code = "import sys; from promptad_db.db.engine import connect\nwith connect.migrating(sys.argv[1]): print(flush=True); input()"
        holder = subprocess.Popen(
            [sys.executable, "-c", code, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder:
            assert holder.stdout.readline() == b"\n"
            holder.kill()
        assert index_folders([folder], database).added == [folder.name]

    def test_writers_of_one_run_wait_for_each_other_and_the_second_finds_it_done(self, database, folder):
        outcomes = []
        others = [threading.Thread(target=lambda: outcomes.append(index_folders([folder], database))) for _ in range(2)]
        with connect.writing(database) as connection:
            database.hold(connection, [folder.name])
            for other in others:
                other.start()
            time.sleep(0.5)
            assert not outcomes
        for other in others:
            other.join()
        answers = sorted([len(outcome.added), len(outcome.unchanged)] for outcome in outcomes)
        assert answers in ([[0, 1], [1, 0]], [[1, 0], [1, 0]])  # the latter where one wrote for both of them
        assert counts(database)["runs"] == 1

    # Runs in it

    def test_the_same_folder_twice_changes_nothing_and_a_grown_one_is_extended(self, database, folder):
        assert index_folders([folder], database).added == [folder.name]
        before = counts(database)
        assert (before["runs"], before["images"], before["metrics"]) == (1, 10, 3)
        outcome = index_folders([folder], database)
        assert (outcome.added, outcome.extended, outcome.unchanged) == ([], [], [folder.name])
        assert counts(database) == before
        run_folder.write_category(folder, reported("wood", 0.5))
        assert index_folders([folder], database).extended == [folder.name]
        assert open_db(database).query("SELECT category, COUNT(*) FROM metrics GROUP BY 1 ORDER BY 1").rows == [
            ("tile", 3),
            ("wood", 1),
        ]

    def test_a_changed_category_is_refused_unless_replaced(self, database, lab):
        folder = lab.run({"tile": both(0.5, 0.6), "wood": {"max": 0.5}})
        index_folders([folder], database)
        run_folder.write_category(folder, reported("wood", 0.75), replace_existing=True)
        (rejected,) = index_folders([folder], database).rejected
        assert "--replace" in rejected[1]
        assert "wood" in rejected[1]
        query = "SELECT value FROM metrics WHERE category = 'wood'"
        assert open_db(database).query(query).rows == [(0.5,)]
        assert index_folders([folder], database, replace=True).extended == [folder.name]
        assert open_db(database).query(query).rows == [(0.75,)]

    def test_an_interrupted_write_leaves_no_half_run(self, database, lab, monkeypatch):
        kept, lost = lab.run({"tile": both(0.5, 0.6)}), lab.run({"tile": both(0.5, 0.6)}, seed=2)
        index_folders([kept], database)
        before = counts(database)

        def dies(*_arguments):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(write, "_insert_categories", dies)
            with pytest.raises(KeyboardInterrupt):
                index_folders([lost], database)
        assert counts(database) == before
        assert index_folders([kept, lost], database).added == [lost.name]

    def test_a_rebuild_that_dies_leaves_what_was(self, database, folder):
        index_folders([folder], database)
        before = counts(database)

        def dies(_done, _total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rebuild(database, [Path("runs")], progress=dies)
        assert counts(database) == before

    def test_runs_are_tagged_annotated_and_deleted(self, database, folder, cli):
        index_folders([folder], database)
        assert cli("runs", "tag", folder.name, "b", "a", "--db", database).out == "b\na\n"
        assert cli("runs", "note", folder.name, "50 % of it: 'quoted'", "--db", database).code == 0
        assert open_db(database).query("SELECT note FROM runs").rows == [("50 % of it: 'quoted'",)]
        assert cli("runs", "delete", folder.name, "--yes", "--db", database).code == 0
        assert {name: count for name, count in counts(database).items() if count} == {"categories": 1}

    def test_texts_of_any_kind_come_back_as_they_were(self, database, folder):
        note = "a\tb\\N\\.\n\\.\nc \"d\" 'e' %s :f é 漢"
        run_folder.update_run(folder, note=note)
        index_folders([folder], database)
        assert open_db(database).query("SELECT note FROM runs").rows == [(note,)]
        assert open_db(database).query("SELECT COUNT(*) FROM runs WHERE note = :note", note=note).rows == [(1,)]

    # SQL that somebody else wrote

    @pytest.mark.parametrize("sql", CHANGES)
    def test_a_query_changes_nothing(self, database, folder, sql):
        index_folders([folder], database)
        before = counts(database)
        with pytest.raises(QueryError):
            open_db(database).query(sql)
        assert counts(database) == before
        assert not Path("never.csv").exists()

    def test_a_query_is_ended_when_its_time_is_over(self, database):
        with pytest.raises(QueryError, match=r"the query took longer than 0\.5 s and was ended"):
            open_db(database, timeout=0.5).query(ENDLESS)

    def test_a_query_is_ended_when_it_needs_too_much_memory(self, database):
        with pytest.raises(QueryError, match=r"needs more than 0\.5 GB"):
            open_db(database, memory=1 << 29).query("SELECT repeat('x', 100000000) FROM generate_series(1, 100)")

    def test_a_query_has_values_a_limit_and_numbers_of_python(self, database):
        numbers = "FROM (VALUES (1), (2), (3)) AS v (x)"
        answer = open_db(database).query(f"SELECT x {numbers} WHERE x >= :least ORDER BY x", limit=1, least=2)
        assert (answer.columns, answer.rows, answer.cut) == (("x",), [(2,)], True)
        assert open_db(database).query(f"SELECT SUM(x), AVG(x), 5 % 3 {numbers}").rows == [(6, 2.0, 2)]
        for wrong in ("SELECT nothing", "SELEC 1", " "):
            with pytest.raises(QueryError):
                open_db(database).query(wrong)

    @pytest.mark.parametrize("kind", ["parquet", "csv"])
    def test_tables_and_views_are_exported(self, database, folder, tmp_path, cli, kind):
        index_folders([folder], database)
        out = tmp_path / "o'ut"
        assert cli("export", out, "--as", kind, "--only", "runs,branch_gap", "--db", database).code == 0
        assert sorted(path.name for path in out.iterdir()) == [f"branch_gap.{kind}", f"runs.{kind}"]
        if kind == "parquet":
            found = pq.read_table(out / "runs.parquet").column("run_id").to_pylist()
        else:
            with (out / "runs.csv").open(newline="") as file:
                found = [row["run_id"] for row in csv.DictReader(file)]
        assert found == [folder.name]


def _address(database):
    """As SQLAlchemy takes it."""
    text = str(database)
    return text if "://" in text else f"duckdb:///{text}"
