"""The command line as a whole: help, exit codes, errors, and what stays unloaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from promptad_db.cli.main import cli as group

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def commands(command, *path):
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), *path, name)
    else:
        yield path, command


ALL = dict(commands(group))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_option_has_help(path):
    command = ALL[path]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_stands_in_the_readme(path):
    if len(path) == 1:
        assert f"`promptad-db {path[0]}" in README
    else:
        assert f"`promptad-db {path[0]} " in README
        assert f"`{path[1]}`" in README or f" {path[1]}`" in README


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_printed_without_a_database(cli, path):
    answer = cli(*path, "--help")
    assert answer.code == 0
    assert "Usage: promptad-db" in answer.out


def test_every_command_takes_the_database(cli):
    for path, command in ALL.items():
        if path != ("copy",):  # which takes two
            assert any("--db" in parameter.opts for parameter in command.params), path


def loaded_by(code: str, *arguments: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    return set(answer.stderr.split())


HEAVY = {"torch", "open_clip", "sklearn", "pandas", "mlflow"}


def test_importing_the_package_loads_nothing_heavy():
    loaded = loaded_by("import promptad_db")
    assert not loaded & (HEAVY | {"duckdb", "sqlalchemy", "numpy", "pyarrow", "rich", "click"})


def test_help_loads_neither_database_nor_numbers():
    code = "import promptad_db.cli.main as m\ntry: m.main()\nexcept SystemExit: pass"
    loaded = loaded_by(code, "--help")
    assert "promptad_db.cli.main" in loaded
    assert not loaded & (HEAVY | {"duckdb", "sqlalchemy", "numpy", "pyarrow", "rich"})


@pytest.mark.parametrize(
    "command", [("report",), ("report", "--experiment", "gate", "--k-shot", "1"), ("compare", "memory", "max")]
)
def test_questions_load_nothing_heavy(gate_place, command):
    code = "import promptad_db.cli.main as m\ntry: m.main()\nexcept SystemExit: pass"
    loaded = loaded_by(code, *command, "--db", str(gate_place / "promptad.duckdb"))
    assert "duckdb" in loaded
    assert not loaded & (HEAVY | {"numpy", "pyarrow", "scipy", "alembic"})


def test_the_public_names_are_there():
    import promptad_db

    for name in promptad_db.__all__:
        assert getattr(promptad_db, name)
    assert promptad_db.__version__
    with pytest.raises(AttributeError, match="nobody"):
        promptad_db.nobody  # noqa: B018


def test_version_and_wrong_usage(cli):
    assert cli("--version").out.startswith("promptad-db ")
    assert cli("nobody").code == 2
    assert cli("report", "--k-shot", "many").code == 2
    assert cli("ingest").code == 2


def test_no_traceback_reaches_a_user_without_debug(cli, monkeypatch):
    from promptad_db.db.queries import reports

    def breaks(*_arguments, **_options):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(reports, "report", breaks)
    answer = cli("report")
    assert answer.code == 70
    assert "ZeroDivisionError: oops" in answer.err
    assert "--debug" in answer.err
    assert "Traceback" not in answer.err


def test_debug_shows_the_traceback(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-m", "promptad_db", "report", "--db", str(tmp_path / "no.duckdb"), "--debug"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" in answer.stderr


def test_a_closed_pipe_is_no_error(gate_place):
    command = f"{sys.executable} -m promptad_db report --db {gate_place / 'promptad.duckdb'} | head -1; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0
    assert "Traceback" not in answer.stderr


def test_environment_variables_stand_in_for_options(cli, make_run, monkeypatch, tmp_path):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}}, root=tmp_path / "there")
    monkeypatch.setenv("PROMPTAD_DB", str(tmp_path / "mine.duckdb"))
    monkeypatch.setenv("PROMPTAD_RUNS", str(tmp_path / "there"))
    assert cli("rebuild").code == 0
    assert (tmp_path / "mine.duckdb").exists()
    assert cli("report").code == 0


def test_a_table_fits_into_the_columns_it_is_given(cli, gate_place, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answer = cli("report", "--section", "summary", "--db", gate_place / "promptad.duckdb")
    assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(cli, make_run, tmp_path):
    folder = make_run({"tile": {"semantic": 0.5}})
    (tmp_path / "closed").mkdir(mode=0o500)
    answer = cli("ingest", folder, "--db", tmp_path / "closed" / "x.duckdb")
    assert answer.code == 3
    assert "closed" in answer.err
