"""What is wrong with the numbers, or with the database: one check is one .sql file, a finding one row of its answer.

The help of the command and the errors here name what is in the folder: whoever adds a file has a check.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.db.engine import connect
from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql, names
from promptad_db.db.queries.contrasts import contrasts
from promptad_db.db.queries.selection import Filters, choose_runs, list_rows, make
from promptad_db.errors import NoRowsError, PromptadError, UsageError
from promptad_db.result_set import ResultSet, Section
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy as sa

SEVERITIES = ("error", "warning", "info")
FOLDERS_GONE = "folders-gone"
_TOO_FEW_IMAGES = "too-few-images"
_OF_RUN_FILES = {"assumed-settings", "support-in-test"}

_CELL = ("experiment", "method", "variant", "dataset", "category", "k_shot", "seed", "task", "branch")
_COLUMNS = ("severity", "check", *_CELL, "runs", "run_id", "what", "advice")
_SHOWN = (*_CELL, "runs", "what", "advice")
_SHOWN_WHERE_THEY_DIFFER = ("experiment", "method", "variant", "advice")

Row = dict[str, Any]


@dataclass(frozen=True)
class Checked:
    """What the checks found, the gravest first: one row a finding. ``ran`` counts them by check and severity.

    The columns of a cell (dataset, category, k_shot, seed, task, ...) are None where a finding is about more than one;
    ``runs`` counts the runs that it holds for, ``run_id`` is the one whose figures are told.
    """

    findings: ResultSet
    ran: ResultSet
    notes: list[str] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(row["severity"] == "error" for row in self.findings.records())

    def content(self) -> Row:
        """Everything as one object: the checks that ran, and every finding."""
        return {"checks": self.ran.records(), "findings": self.findings.records()}

    def sections(self, top: int | None = None) -> list[Section]:
        """For people: what ran, and a section a check with findings, at most ``top`` of them each."""
        findings = self.findings.records()
        checks = dict.fromkeys(_column(findings, "check"))
        by_check = [[row for row in findings if row["check"] == name] for name in checks]
        title = "How many findings each check has."
        return [Section("checks", title, self.ran), *(_section(rows, top) for rows in by_check)]


def check(
    db: str | os.PathLike[str] | None = None,
    filters: Filters | None = None,
    *,
    only: Sequence[str] = (),
    severity: str = "info",
) -> Checked:
    """Look for what makes numbers wrong or not comparable in the runs that the filters choose, and for broken rows.

    ``db`` is a database, else PROMPTAD_DB, else ./promptad.duckdb; ``only`` names the checks to run, by default all;
    ``severity`` (error, warning, info) is the least that is told. Raises UsageError for an unknown name, NoRowsError
    when no run matches.
    """
    known = names("checks")
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UsageError(f"no check is called {unknown[0]}", f"the checks are {', '.join(known)}")
    if severity not in SEVERITIES:
        raise UsageError(f"no severity is called {severity}", f"the severities are {', '.join(SEVERITIES)}")
    asked = [name for name in known if name in only or not only]
    shown = SEVERITIES[: SEVERITIES.index(severity) + 1]
    with connect.reading(connect.database_path(db)) as connection:
        filters, notes = choose_runs(connection, filters or Filters())
        make(connection, "checked", filters)
        if not connection.exec_driver_sql("SELECT COUNT(*) FROM run_keys").scalar():
            raise NoRowsError("no run matches; there is nothing to check", "see what there is: promptad-db runs list")
        if _OF_RUN_FILES & set(asked):
            _fill_recorded(connection)
        findings = {name: _merged(name, _rows(connection, name)) for name in asked}
    rows = [row for name in asked for row in findings[name] if row["severity"] in shown]
    rows.sort(key=lambda row: SEVERITIES.index(row["severity"]))
    counts = Counter((row["check"], row["severity"]) for row in rows)
    ran = [(name, *(counts[name, level] for level in SEVERITIES)) for name in asked]
    return Checked(
        ResultSet(_COLUMNS, [tuple(row[column] for column in _COLUMNS) for row in rows]),
        ResultSet(("check", "errors", "warnings", "infos"), ran),
        notes,
    )


def _rows(connection: sa.Connection, name: str) -> list[Row]:
    if name == _TOO_FEW_IMAGES:
        _fill_paired_gaps(connection)
    rows = fetch(connection, load_sql("checks", name).sql).records()
    return _gone(rows) if name == FOLDERS_GONE else rows


def _gone(rows: list[Row]) -> list[Row]:
    """Those rows whose run folder is not where it says, which then say what is gone."""
    folders = [folder_at(row["what"]) for row in rows]
    return [
        {**row, "what": f"folders of runs in {folder.parent} are gone"}
        for row, folder in zip(rows, folders, strict=True)
        if not run_folder.is_run_folder(folder)
    ]


def _fill_recorded(connection: sa.Connection) -> None:
    """Make the tables of what run.json says that the database does not hold: assumed settings, and support images."""
    assumed: list[tuple[str, str, str]] = []
    support: list[tuple[str, str, str]] = []
    for row in list_rows(connection, "folders", Filters()).records():
        try:
            info = run_folder.read_run(folder_at(row["folder"]))
        except (PromptadError, OSError):
            continue  # folders-gone and verify speak of it
        assumed += [(info.run_id, setting, str(basis)) for setting, basis in _mapping(info.source, "assumed")]
        for category, images in _mapping(info.config, "shots"):
            support += [(info.run_id, category, str(image)) for image in (images if isinstance(images, list) else ())]
    _fill(connection, "assumed_settings", ("run_ids", "settings", "bases"), assumed)
    _fill(connection, "support_images", ("run_ids", "categories", "images"), support)


def _mapping(details: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    """What details of a run, which anybody may have written, say under a name, where that is a mapping."""
    value = details.get(name)
    return list(value.items()) if isinstance(value, dict) else []


def _fill(connection: sa.Connection, name: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    make(connection, name, Filters(), {column: [row[index] for row in rows] for index, column in enumerate(columns)})


def _fill_paired_gaps(connection: sa.Connection) -> None:
    """Make the table of the paired intervals that the cells' gaps have."""
    gaps = contrasts(connection, "checked_gaps", Filters())
    known = [
        (int(run_number), category, gap.found.reach())
        for (run_number, category, _), gap in gaps
        if gap.difference and gap.found
    ]
    _fill(connection, "paired_gaps", ("numbers", "names", "half_widths"), known)


def _merged(name: str, rows: Iterable[Row]) -> list[Row]:
    """Rows that tell the same of several runs made one: of a category, or else in the same words."""
    merged: dict[tuple[Any, ...], list[Row]] = {}
    for index, row in enumerate(rows):
        about = [row[column] for column in ("dataset", "category", "task")] if row["category"] else [row["what"]]
        key = (row["severity"], row["experiment"], row["branch"], *about)
        merged.setdefault(key if row["run_id"] else (index,), []).append(row)
    return [
        {
            **same[0],
            **{column: same[0][column] if len(set(_column(same, column))) == 1 else None for column in _CELL},
            "check": name,
            "runs": len(set(_column(same, "run_id")) - {None}) or None,
        }
        for same in merged.values()
    ]


def _section(rows: list[Row], top: int | None) -> Section:
    """The findings of one check: its title, what to do where that is the same for all, and the columns that tell some."""
    name = rows[0]["check"]
    columns = [column for column in _SHOWN if any(value is not None for value in _column(rows, column))]
    columns = [
        column for column in columns if column not in _SHOWN_WHERE_THEY_DIFFER or len(set(_column(rows, column))) > 1
    ]
    title = load_sql("checks", name).title
    if "advice" not in columns:
        title += f" What to do: {rows[0]['advice']}."
    if top is not None and len(rows) > top:
        title += f" Shown are {top} of {len(rows)}; --top N shows more, --format csv all of them."
    shown = [tuple(row[column] for column in ("severity", *columns)) for row in rows[:top]]
    return Section(name, title, ResultSet(("severity", *columns), shown))


def _column(rows: Iterable[Row], name: str) -> list[Any]:
    return [row[name] for row in rows]
