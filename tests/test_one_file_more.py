"""A check or a section is one .sql file: whoever adds it finds it in the help, in errors and in the answer.

Charts, sections and rules that are told in more than one place are the same ones everywhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import promptad_db
from promptad_db.cli.check import check
from promptad_db.cli.fuse import fuse
from promptad_db.cli.reports import audit, compare
from promptad_db.db.engine.sql_files import names
from promptad_db.db.queries.audit import ESTIMATES
from promptad_db.db.queries.check import SEVERITIES
from promptad_db.db.queries.compare import KINDS
from promptad_db.db.queries.sections import SECTIONS
from promptad_db.db.queries.selection import PROVENANCES as FILTERED
from promptad_db.fusion.calibration import CALIBRATIONS
from promptad_db.fusion.recipes import RULE_NAMES
from promptad_db.plots import PLOTS
from promptad_db.records import PROVENANCES, TASKS

PACKAGE = Path(promptad_db.__file__).parent
README = (PACKAGE.parent / "README.md").read_text()

CHECK = """-- Runs whose category is called tile, which this test has something against: it is a check like every other one.
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task,
    CAST(NULL AS VARCHAR) AS branch,
    checked.run_id,
    'it is called tile' AS what,
    'give it another name' AS advice
FROM checked
WHERE checked.category = 'tile'
"""
SECTION = """-- How many cells each task has.
SELECT task, COUNT(*) AS cells
FROM cells
GROUP BY task
ORDER BY task
"""


def unwrapped(text):
    """A help text in one line; names are wrapped at their hyphens."""
    return " ".join(text.split()).replace("- ", "-")


@pytest.fixture
def copied(tmp_path):
    """The package again, with a check and a section more; calls its command line."""
    place = tmp_path / "copy"
    shutil.copytree(PACKAGE, place / "promptad_db", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PACKAGE.parent / "migrations", place / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "promptad_db" / "sql" / "checks" / "called-tile.sql").write_text(CHECK)
    (place / "promptad_db" / "sql" / "reports" / "task-sizes.sql").write_text(SECTION)

    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "promptad_db", *words],
            env={**os.environ, "PYTHONPATH": str(place)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    return call


def test_a_new_check_and_a_new_section_are_one_file_each(copied, make_run):
    folder = make_run({"tile": {"semantic": 0.5, "memory": 0.9}, "wood": {"semantic": 0.9, "memory": 0.8}})
    assert copied("ingest", str(folder)).returncode == 0
    assert "called-tile" in unwrapped(copied("check", "--help").stdout)
    assert "task-sizes" in unwrapped(copied("report", "--help").stdout)
    assert "called-tile" in copied("check", "--only", "nobody").stderr
    assert "task-sizes" in copied("report", "--section", "nobody").stderr
    checked = json.loads(copied("check", "--format", "json").stdout)
    (finding,) = [row for row in checked["findings"] if row["check"] == "called-tile"]
    assert (finding["category"], finding["what"]) == ("tile", "it is called tile")
    assert {"check": "called-tile", "errors": 0, "warnings": 1, "infos": 0} in checked["checks"]
    assert "which this test has something against" in copied("check").stdout
    assert json.loads(copied("report", "--format", "json").stdout)["task-sizes"] == [{"task": "seg", "cells": 2}]


def test_each_section_has_its_file_and_each_file_is_a_section():
    assert {*names("reports"), "significance"} == set(SECTIONS)


@pytest.mark.parametrize(("command", "known"), [("report", SECTIONS), ("fuse", RULE_NAMES), ("check", names("checks"))])
def test_help_names_all_that_there_is(cli, command, known):
    help_text = unwrapped(cli(command, "--help").out)
    assert all(name in help_text for name in known)


@pytest.mark.parametrize("command", ["check", "report", "plot", "compare"])
def test_help_that_lists_names_opens_no_database(command):
    program = (
        "import sys\nfrom promptad_db.cli.main import main\ntry: main()\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, command, "--help"], capture_output=True, text=True, timeout=120, check=True
    )
    assert not {"duckdb", "sqlalchemy", "numpy", "pyarrow", "rich", "altair"} & set(answer.stdout.split())


def choices(command, option):
    (parameter,) = [parameter for parameter in command.params if option in parameter.opts]
    return set(parameter.type.choices)


def test_choices_of_the_command_line_are_those_of_the_library():
    assert choices(check, "--severity") == set(SEVERITIES)
    assert choices(audit, "--estimate") == set(ESTIMATES)
    assert choices(compare, "--by") == {"auto", *KINDS}
    assert choices(fuse, "--calibrate") == set(CALIBRATIONS)
    assert choices(audit, "--provenance") == set(FILTERED) == {"best", *PROVENANCES}
    assert choices(check, "--task") == set(TASKS)


def test_the_readme_names_every_section_and_every_chart():
    row = re.search(r"\| `promptad-db report` \| (.*) \|", README)[1]
    assert set(row.split(", ")) == set(SECTIONS)
    charts = set(re.findall(r"promptad-db plot ([a-z-]+)", README))
    charts |= set(re.findall(r"`([a-z-]+)`", re.search(r"write a chart for a paper: (.*)", README)[1]))
    assert charts == set(PLOTS)
