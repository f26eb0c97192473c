"""The result files of the public PromptAD code.

    <root>/<dataset>/k_<K>/csv/Seed_<seed>-results.csv

                   ,i_roc ,p_roc,semantic_i_roc,memory_i_roc
        mvtec-carpet,100.00,99.36,99.96         ,99.88
        mvtec-grid  ,98.25 ,0.00 ,98.66         ,95.49

AUROCs in percent with two decimals. ``i_roc`` is PromptAD's own harmonic fusion at image level, so task ``cls``; ``p_roc``
the same at pixel level, task ``seg``; columns of single branches are optional. 0.00, or nothing, means "not run" and is
no number at all. The public code chooses the epoch by the AUROC on the test set, so every run is ``best_on_test``.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject, reported
from promptad_db.ingestion.readers.reported_cells import read_lines
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KIND = "promptad-csv"
PRECISION = 1e-4
COLUMNS: dict[str, tuple[Task, str]] = {
    "i_roc": ("cls", "harmonic"),
    "semantic_i_roc": ("cls", "semantic"),
    "memory_i_roc": ("cls", "memory"),
    "p_roc": ("seg", "harmonic"),
    "semantic_p_roc": ("seg", "semantic"),
    "memory_p_roc": ("seg", "memory"),
}

_INDEX = re.compile(r"(?P<dataset>[^-]+)-(?P<category>.+)", re.DOTALL)
_K_FOLDER = re.compile(r"k_(\d{1,6})")
_SEED_NAME = re.compile(r"Seed_(\d{1,18})-results\.csv")
_TWO_DECIMALS = re.compile(r"\d+\.\d\d\s*")
_HEAD = 1 << 16

RunKey = tuple[str, str, int, int | None, Task]
Numbers = dict[tuple[RunKey, str, str], tuple[Metric, Path]]


class _Origin(NamedTuple):
    """What the place and the name of a file tell, or else the options; ``dataset`` is None when neither tells it."""

    experiment: str
    dataset: str | None
    k_shot: int
    seed: int | None


def recognise(path: Path) -> bool:
    """A CSV with the column i_roc or p_roc and rows called ``<dataset>-<category>``, or no rows yet."""
    if path.suffix.lower() != ".csv":
        return False
    header, *rows = _head(path) or [[]]
    if not {"i_roc", "p_roc"} & {name.strip() for name in header[1:]}:
        return False
    return not rows or any(_INDEX.fullmatch(row[0].strip()) for row in rows if row)


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per experiment, dataset, K, seed and task that has any number."""
    numbers: Numbers = {}
    for path in sorted(paths):
        try:
            _read_file(path, options, numbers, reject)
        except InputError as error:
            reject(path, str(error))
    runs: dict[RunKey, ImportedRun] = {}
    for key, category, branch in sorted(numbers, key=str):
        experiment, dataset, k_shot, seed, task = key
        run = ImportedRun(KIND, experiment, "PromptAD", task, dataset, k_shot, seed, selection="best_on_test")
        run = runs.setdefault(key, run)
        metric, path = numbers[key, category, branch]
        run.categories.setdefault(category, CategoryResult(category)).metrics.append(metric)
        run.files.add(path)
    yield from runs.values()


def _read_file(path: Path, options: ImportOptions, numbers: Numbers, reject: Reject) -> None:
    header, rows = _table(path)
    origin = _origin(path, options)
    silent = True
    for line, cells in rows:
        try:
            row = _row(path, origin, header, cells)
            _add(row, numbers)
            silent = silent and not row
        except InputError as error:
            silent = False
            reject(path, f"line {line}: {error}")
    if silent:
        raise InputError("holds no number: it has no rows, or 0.00 (not run) everywhere")


def _row(path: Path, origin: _Origin, header: list[str], cells: list[str]) -> Numbers:
    if len(cells) != len(header):
        raise InputError(f"has {len(cells)} cells, the header {len(header)}")
    index, row = cells[0].strip(), dict(zip(header, cells, strict=True))
    dataset, category = _split(index, origin.dataset)
    numbers: Numbers = {}
    for column, (task, branch) in COLUMNS.items():
        if not row.get(column, "").strip():
            continue
        metric = reported(LEVEL_OF_TASK[task], branch, row[column], where=f"{column} of {index}", precision=PRECISION)
        if metric.value:
            key = (origin.experiment, dataset, origin.k_shot, origin.seed, task)
            numbers[key, category, branch] = (metric, path)
    return numbers


def _add(row: Numbers, numbers: Numbers) -> None:
    """Take the numbers of one row, all or, when one differs from what is known of its cell, none."""
    for key, (metric, path) in row.items():
        known, source = numbers.get(key, (metric, path))
        if metric.value != known.value and metric.value and known.value:
            where = "further up" if source == path else f"in {source}"
            raise InputError(
                f"the {key[0][-1]} {metric.branch} AUROC of {key[1]} is {metric.value * 100:.10g} here, "
                f"but {known.value * 100:.10g} {where}"
            )
    for key, number in row.items():
        numbers.setdefault(key, number)


def _split(index: str, dataset: str | None) -> tuple[str, str]:
    """The dataset and the category of an index such as ``mvtec-metal_nut``; a known dataset settles where to cut."""
    if dataset is not None and index.startswith(f"{dataset}-") and len(index) > len(dataset) + 1:
        return dataset, index.removeprefix(f"{dataset}-")
    match = _INDEX.fullmatch(index)
    if match is None:
        raise InputError(f"{index!r} is not <dataset>-<category>")
    if dataset is not None:
        raise InputError(f"{index!r} is not of {dataset!r}, the dataset that its folder or --dataset tells")
    return match["dataset"], match["category"]


def _origin(path: Path, options: ImportOptions) -> _Origin:
    match = _SEED_NAME.fullmatch(path.name)
    seed = int(match[1]) if match else options.seed
    folders = path.resolve().parents
    for folder in folders[:2]:
        if match := _K_FOLDER.fullmatch(folder.name):
            dataset = folder.parent
            experiment = options.experiment or dataset.parent.name or KIND
            return _Origin(experiment, dataset.name or None, int(match[1]), seed)
    if options.k_shot is None:
        raise InputError("its folders do not tell K (expected <dataset>/k_<K>/csv/...)", "give --k-shot")
    return _Origin(options.experiment or folders[0].name or KIND, options.dataset, options.k_shot, seed)


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and every other row with the number of its line; a number that the end of the file cuts is marked."""
    try:
        text = read_lines(path)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise InputError(f"not a readable CSV file ({error})") from error
    if not rows:
        raise InputError("empty file")
    header = [name.strip() for name in rows.pop(0)[1]]
    if len(set(header)) < len(header):
        raise InputError("two columns have the same name")
    if rows and header[-1] in COLUMNS and not text.endswith(("\n", "\r")):
        last = rows[-1][1]
        last[-1] += "" if _TWO_DECIMALS.fullmatch(last[-1]) else " (the file ends here)"
    return header, rows


def _head(path: Path) -> list[list[str]]:
    """The first rows, leniently decoded: what is wrong with them is said when they are read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_HEAD)
        encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        return list(csv.reader(io.StringIO(raw.decode(encoding, errors="replace"), newline="")))
    except (OSError, csv.Error):
        return []
