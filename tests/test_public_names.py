"""The functions of the package: what tab completion shows, and that they are there whatever was imported first."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import promptad_db
from promptad_db.errors import NoRowsError, UsageError

PACKAGE = Path(promptad_db.__file__).parent
FUNCTIONS = [name for name in promptad_db.__all__ if name.islower()]
QUESTIONS = ("audit", "check", "compare", "plot", "report")


def run(program: str) -> str:
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_tab_completion_shows_the_public_names_alone():
    assert dir(promptad_db) == sorted([*promptad_db.__all__, "__version__"])
    assert set(QUESTIONS) | {"fuse", "ingest", "open_db", "start_run"} == set(FUNCTIONS)


@pytest.mark.parametrize("name", promptad_db.__all__)
def test_every_public_name_can_be_called_and_says_what_it_does(name):
    public = getattr(promptad_db, name)
    assert callable(public)
    assert len(inspect.getdoc(public)) > 30
    assert not inspect.ismodule(public)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_takes_a_database_and_filters_or_does_without(name):
    parameters = inspect.signature(getattr(promptad_db, name)).parameters
    assert parameters["db"].default is None
    assert parameters["filters"].default is None


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"tasks": "seg"}, r"tasks=\('seg',\)"),
        ({"branches": "max"}, "takes a tuple"),
        ({"provenance": "true"}, "best, exact"),
    ],
)
def test_filters_that_could_only_match_nothing_are_refused(wrong, hint):
    with pytest.raises(UsageError, match=hint):
        promptad_db.Filters(**wrong)


def test_no_room_is_called_like_a_public_name():
    rooms = {path.stem for path in PACKAGE.iterdir()}
    assert not rooms & set(promptad_db.__all__)


def test_a_star_import_gives_them_all():
    printed = run("from promptad_db import *\nprint(*(name for name in dir() if not name.startswith('_')))")
    assert printed.split() == sorted(promptad_db.__all__)


def test_a_module_that_was_imported_first_hides_no_function():
    modules = sorted(
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.stem in promptad_db.__all__
    )
    assert "promptad_db.db.queries.check" in modules
    imports = "\n".join(f"import {module}" for module in [*modules, "promptad_db.tables", "promptad_db.plots"])
    printed = run(f"{imports}\nfor name in {FUNCTIONS}: print(name, type(getattr(promptad_db, name)).__name__)")
    assert set(printed.split()) - set(FUNCTIONS) == {"function"}


def test_the_questions_are_answered_as_the_commands_answer_them(cli, make_run):
    from promptad_db.tables import render

    make_run({"tile": {"semantic": 0.5, "memory": 0.9}, "wood": {"semantic": 0.9, "memory": 0.8}})
    assert cli("ingest", "runs").code == 0
    summary = promptad_db.report(sections=("summary",))
    assert render(summary.sections, "csv") == cli("report", "--section", "summary", "--format", "csv").out
    compared = promptad_db.compare("semantic", "memory")
    assert render(compared.sections, "csv") == cli("compare", "semantic", "memory", "--format", "csv").out
    assert promptad_db.check().errors == 0
    of_wood = promptad_db.Filters(categories=("wood",))
    assert (
        promptad_db.report(filters=of_wood, sections=("worst",)).sections[0].result.records()[0]["category"] == "wood"
    )
    assert cli("plot", "dumbbell", "-o", "there.svg").code == 0
    assert promptad_db.plot("dumbbell").content == Path("there.svg").read_bytes()
    with pytest.raises(NoRowsError, match="estimate"):
        promptad_db.audit()
