"""The pipe tables in the ``log.txt`` of AnomalyCLIP and APRIL-GAN, whose test.py print them with tabulate.

    24-12-18 12:08:53.440 - INFO:
    | objects    |   pixel_auroc |   pixel_aupro |   image_auroc |   image_ap |
    |:-----------|--------------:|--------------:|--------------:|-----------:|
    | carpet     |          98.8 |          90   |         100   |      100   |
    | mean       |          91.1 |          81.4 |          91.6 |       96.4 |

AnomalyCLIP (Zhou et al., ICLR 2024, arXiv 2310.18961; zqhang/AnomalyCLIP) has the columns above or those of one level.
It sees no image of the category: K = 0, branch ``semantic``. APRIL-GAN (Chen et al., 2023, arXiv 2305.17382;
ByChelsea/VAND-APRIL-GAN) has ``auroc_px, f1_px, ap_px, aupro, auroc_sp, f1_sp, ap_sp``, and before the table its
arguments, a line each (``... - INFO: k_shot: 4``): dataset, mode, K, seed, model. Without images it is ``semantic``; with
them its pixel score is the sum, its image score half the sum, of text and memory, so the branch is ``mean``.

Percents, rounded to one decimal, of which tabulate drops trailing zeros: the precision is 0.1 points, or finer where a
fork prints more. The row ``mean`` is no category; a table without it was cut. AnomalyCLIP appends to its log: of a
category that two tables tell differently nothing is taken but the first, and it is named.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.reported_cells import (
    DATASETS,
    ReportedCells,
    Setting,
    read_lines,
    reported_metric,
    told,
    written_step,
)
from promptad_db.limits import LARGEST_TEXT
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Level, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject

KIND = "pipe-table"
SUFFIXES = (".txt", ".log")
COLUMNS: dict[str, tuple[Level, str]] = {
    "pixel_auroc": ("pixel", "auroc"), "pixel_aupro": ("pixel", "aupro"), "image_auroc": ("image", "auroc"),
    "image_ap": ("image", "ap"), "auroc_px": ("pixel", "auroc"), "f1_px": ("pixel", "f1_max"), "ap_px": ("pixel", "ap"),
    "aupro": ("pixel", "aupro"), "auroc_sp": ("image", "auroc"), "f1_sp": ("image", "f1_max"), "ap_sp": ("image", "ap"),
}  # fmt: skip
METHODS = {"image_auroc": "AnomalyCLIP", "pixel_auroc": "AnomalyCLIP", "auroc_sp": "APRIL-GAN", "auroc_px": "APRIL-GAN"}

_HEADER = re.compile(r"^\|\s*objects\s*\|.*\b(pixel_auroc|image_auroc|auroc_px|auroc_sp)\b", re.MULTILINE)
_ARGUMENT = re.compile(r" - INFO: (\w+): (.*)$")
_WHOLE = re.compile(r"\d{1,18}")
_ONE_DECIMAL = 0.1


class _Table(NamedTuple):
    """One table of a log: its columns, its rows with their lines, and the arguments logged before it."""

    columns: list[str]
    rows: list[tuple[int, list[str]]]
    arguments: dict[str, str]


def recognise(path: Path) -> bool:
    """A text file with a pipe table of objects and AUROCs."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    try:
        with path.open("rb") as file:
            return bool(_HEADER.search(file.read(LARGEST_TEXT).decode("utf-8", errors="replace")))
    except OSError:
        return False


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per log, dataset, K, seed and task."""
    cells = ReportedCells(KIND)
    for path in sorted(paths):
        try:
            for table in _tables(read_lines(path)):
                _add_table(path, table, options, cells, reject)
        except InputError as error:
            reject(path, str(error))
    yield from cells.runs()


def _tables(text: str) -> Iterator[_Table]:
    arguments: dict[str, str] = {}
    table: _Table | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if _HEADER.match(line):
                table = _Table(cells, [], dict(arguments))
            elif table is not None and not set(line) <= set("|:- "):
                table.rows.append((number, cells))
        else:
            if table is not None:
                yield table
                table, arguments = None, {}
            if match := _ARGUMENT.search(line):
                arguments[match[1]] = match[2].strip()
    if table is not None:
        yield table


def _add_table(path: Path, table: _Table, options: ImportOptions, cells: ReportedCells, reject: Reject) -> None:
    if len(set(table.columns)) < len(table.columns):
        raise InputError("two columns of its table have the same name")
    last = table.rows[-1][1] if table.rows else []
    if len(last) != len(table.columns) or last[0] != "mean":
        raise InputError("its table does not end with the row mean: the file was cut")
    numbers = [text for _, row in table.rows for text in row[1:]]
    if all(text in ("0", "1") or text.startswith(("0.", "1.0")) for text in numbers):
        raise InputError("the numbers of its table look like fractions; percents are expected")
    step = min(written_step(numbers), _ONE_DECIMAL) / 100
    setting = _setting(path, table, options)
    branch = "semantic" if setting.k_shot == 0 else "mean"
    for line, row in table.rows[:-1]:
        try:
            by_column = _by_column(table.columns, row)
            for task in LEVEL_OF_TASK:
                result = _cell(by_column, task, branch, step)
                if result.metrics:
                    cells.add(setting._replace(task=task), result, path)
        except InputError as error:
            reject(path, f"line {line}: {error}")


def _by_column(columns: list[str], row: list[str]) -> dict[str, str]:
    if len(row) != len(columns):
        raise InputError(f"has {len(row)} cells, the header {len(columns)}")
    return dict(zip(columns, row, strict=True))


def _cell(row: dict[str, str], task: Task, branch: str, step: float) -> CategoryResult:
    category = row["objects"]
    metrics = [
        reported_metric(
            level, branch, metric, row[column], where=f"{column} of {category}", precision=step, percent=True
        )
        for column, (level, metric) in COLUMNS.items()
        if level == LEVEL_OF_TASK[task] and row.get(column)
    ]
    return CategoryResult(category, metrics=metrics)


def _setting(path: Path, table: _Table, options: ImportOptions) -> Setting:
    method = next((METHODS[name] for name in table.columns if name in METHODS), None)
    if method is None:
        raise InputError(f"its table has none of the columns {', '.join(METHODS)}")
    told_by_log = table.arguments
    k_shot = options.k_shot
    if told_by_log.get("mode") == "zero_shot" or (method == "AnomalyCLIP" and k_shot is None):
        k_shot = 0
    elif _WHOLE.fullmatch(told_by_log.get("k_shot", "")):
        k_shot = int(told_by_log["k_shot"])
    seed = told_by_log.get("seed", "")
    dataset = told_by_log.get("dataset", "")
    return Setting(
        experiment=options.experiment or path.resolve().parent.name or KIND,
        method=options.method or method,
        variant="baseline",
        task="cls",
        dataset=told(DATASETS.get(dataset, dataset) or options.dataset, "dataset", "--dataset"),
        k_shot=told(k_shot, "K", "--k-shot"),
        seed=int(seed) if _WHOLE.fullmatch(seed) else options.seed,
        backbone=told_by_log.get("model", ""),
    )
