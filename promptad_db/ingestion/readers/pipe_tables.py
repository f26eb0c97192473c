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
category that two tables tell differently nothing is taken but the first, and it is named. Where arguments before the
tables tell their models, checkpoints or other settings apart, each is a run of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.plausibility import PERCENT, Numbers, is_mean
from promptad_db.ingestion.readers.reported_cells import (
    DATASETS,
    Column,
    ReportedCells,
    Setting,
    cells_of_row,
    reject_problems,
    told,
    variant_of,
    written_step,
)
from promptad_db.ingestion.readers.table_files import by_column, read_lines
from promptad_db.limits import LARGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject
    from promptad_db.records import Task

KIND = "pipe-table"
SUFFIXES = (".txt", ".log")
COLUMNS: dict[str, tuple[Task, str]] = {
    "pixel_auroc": ("seg", "auroc"), "pixel_aupro": ("seg", "aupro"), "image_auroc": ("cls", "auroc"),
    "image_ap": ("cls", "ap"), "auroc_px": ("seg", "auroc"), "f1_px": ("seg", "f1_max"), "ap_px": ("seg", "ap"),
    "aupro": ("seg", "aupro"), "auroc_sp": ("cls", "auroc"), "f1_sp": ("cls", "f1_max"), "ap_sp": ("cls", "ap"),
}  # fmt: skip
METHODS = {"image_auroc": "AnomalyCLIP", "pixel_auroc": "AnomalyCLIP", "auroc_sp": "APRIL-GAN", "auroc_px": "APRIL-GAN"}

_HEADER = re.compile(
    r"^\|\s*objects\s*\|.*\b(pixel_auroc|image_auroc|auroc_px|auroc_sp)\b", re.MULTILINE | re.IGNORECASE
)
_ARGUMENT = re.compile(r" - INFO: (\w+): ?(.*)$")
_WHOLE = re.compile(r"\d{1,18}")
_ONE_DECIMAL = 0.1
_NO_SETTINGS = {
    "dataset", "mode", "k_shot", "seed", "model", "pretrained", "data_path", "train_data_path", "save_path", "device",
    "loss", "time",
}  # fmt: skip


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
            tables = list(_tables(read_lines(path)))
        except InputError as error:
            reject(path, str(error))
            continue
        for table in tables:
            try:
                _add_table(path, table, options, cells, reject)
            except InputError as error:
                reject(path, str(error))
    yield from cells.runs()


def _tables(text: str) -> Iterator[_Table]:
    """The tables of a log. Arguments stay in force until they are logged again, all of them or one."""
    arguments: dict[str, str] = {}
    table: _Table | None = None
    fresh = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if _HEADER.match(line):
                table = _Table([cell.lower() for cell in cells], [], dict(arguments))
            elif table is not None and any(cells) and not set(line) <= set("|:- "):
                table.rows.append((number, cells))
            continue
        if table is not None:
            yield table
            table, fresh = None, True
        if match := _ARGUMENT.search(line):
            if fresh and match[1] == next(iter(arguments), None):
                arguments = {}
            fresh = False
            arguments[match[1]] = match[2].strip()
    if table is not None:
        yield table


def _add_table(path: Path, table: _Table, options: ImportOptions, cells: ReportedCells, reject: Reject) -> None:
    if len(set(table.columns)) < len(table.columns):
        raise InputError("two columns of its table have the same name")
    last = table.rows[-1][1] if table.rows else []
    if len(last) != len(table.columns) or not is_mean(last[0]):
        raise InputError("its table does not end with the row mean: the file was cut")
    rows = [(line, row) for line, row in table.rows if not is_mean(row[0])]
    setting = _setting(path, table, options)
    branch = "semantic" if setting.k_shot == 0 else "mean"
    columns = [Column(name, task, branch, metric) for name, (task, metric) in COLUMNS.items() if name in table.columns]
    numbers = Numbers(PERCENT, _numbers_of(table.columns, rows))
    for reason in numbers.refusal():
        reject(path, reason)
    step = min(written_step(text for _, row in table.rows for text in row[1:]), _ONE_DECIMAL) / 100
    for line, row in rows:
        try:
            results, problems = cells_of_row(row[0], by_column(table.columns, row), columns, numbers, step)
            problems += cells.add_row(setting, results, path)
        except InputError as error:
            problems = [str(error)]
        reject_problems(path, line, problems, reject)


def _numbers_of(columns: list[str], rows: list[tuple[int, list[str]]]) -> dict[str, list[str]]:
    return {
        name: [row[index] for _, row in rows if index < len(row)]
        for index, name in enumerate(columns)
        if name in COLUMNS
    }


def _setting(path: Path, table: _Table, options: ImportOptions) -> Setting:
    method = next((METHODS[name] for name in table.columns if name in METHODS), None)
    if method is None:
        raise InputError(f"its table has none of the columns {', '.join(METHODS)}")
    told_by_log = table.arguments
    k_shot, assumed = options.k_shot, {} if options.method else {"method": "the columns"}
    if told_by_log.get("mode") == "zero_shot":
        k_shot = 0
    elif _WHOLE.fullmatch(told_by_log.get("k_shot", "")):
        k_shot = int(told_by_log["k_shot"])
    elif method == "AnomalyCLIP" and k_shot is None:
        k_shot = 0
        assumed |= {} if options.method in (None, method) else {"k_shot": "the columns"}
    seed, dataset = told_by_log.get("seed", ""), told_by_log.get("dataset", "")
    names = [told_by_log.get(name, "") for name in ("model", "pretrained")]
    config = {name: value for name, value in told_by_log.items() if value and name not in _NO_SETTINGS}
    return Setting(
        experiment=options.experiment or path.resolve().parent.name or KIND,
        method=options.method or method,
        variant=variant_of(*names, config=config),
        task="cls",
        dataset=told(DATASETS.get(dataset, dataset) or options.dataset, "dataset", "--dataset"),
        k_shot=told(k_shot, "K", "--k-shot"),
        seed=int(seed) if _WHOLE.fullmatch(seed) else options.seed,
        backbone=names[0],
        pretrained=names[1],
        config=tuple(sorted(config.items())),
        assumed=tuple(assumed.items()),
    )
