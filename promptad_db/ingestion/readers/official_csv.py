"""The result files of the public PromptAD code, and of the public WinCLIP code that it grew from.

    <root>/<dataset>/k_<K>/csv/Seed_<seed>-results.csv         PromptAD
    <root>/csv/<dataset>-k-<K>-indx-<number>.csv               WinCLIP

                   ,i_roc ,p_roc,semantic_i_roc,memory_i_roc
        mvtec-carpet,100.00,99.36,99.96         ,99.88
        mvtec-grid  ,98.25 ,0.00 ,98.66         ,95.49

AUROCs in percent with two decimals; WinCLIP leaves the dataset out of the rows of MVTec. ``i_roc`` is PromptAD's own
harmonic fusion at image level, so task ``cls``; ``p_roc`` the same at pixel level, task ``seg``; columns of single
branches are optional. WinCLIP's are its ``semantic`` branch without shots, else a ``score`` of both. 0.00, or nothing,
means "not run" and is no number at all. The public PromptAD code chooses the epoch by the AUROC on the test set, so its
runs are ``best_on_test``; of every other method the file does not tell it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject
from promptad_db.ingestion.readers.plausibility import PERCENT, Numbers, is_mean
from promptad_db.ingestion.readers.reported_cells import SEPARATE, Column, cells_of_row, reject_problems
from promptad_db.ingestion.readers.table_files import by_column, csv_header, csv_lines
from promptad_db.records import CategoryResult, Metric, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KIND = "promptad-csv"
PRECISION = 1e-4
PROMPTAD, WINCLIP = "PromptAD", "WinCLIP"
COLUMNS = (
    Column("i_roc", "cls", "harmonic", "auroc"),
    Column("semantic_i_roc", "cls", "semantic", "auroc"),
    Column("memory_i_roc", "cls", "memory", "auroc"),
    Column("p_roc", "seg", "harmonic", "auroc"),
    Column("semantic_p_roc", "seg", "semantic", "auroc"),
    Column("memory_p_roc", "seg", "memory", "auroc"),
)

_NAMES = tuple(column.name for column in COLUMNS)
_FUSED = {"i_roc", "p_roc"}
_INDEX = re.compile(r"(?P<dataset>[^-]+)-(?P<category>.+)", re.DOTALL)
_K_FOLDER = re.compile(r"k_(\d{1,6})")
_SEED_NAME = re.compile(r"Seed_(\d{1,18})-results\.[ct]sv(\.\w+)?")
_WINCLIP_NAME = re.compile(r"(?P<dataset>.+)-k-(?P<k_shot>\d{1,6})-indx-(?P<number>\d{1,9})\.[ct]sv(\.\w+)?")
_TWO_DECIMALS = re.compile(r"\d+\.\d\d\s*")


class _Origin(NamedTuple):
    """What the place and the name of a file tell, or else the options; ``dataset`` is None when neither tells it, and
    ``basis`` says from what the method was taken, if nobody told it.
    """

    experiment: str
    method: str
    variant: str
    dataset: str | None
    k_shot: int
    seed: int | None
    basis: str | None


RunKey = tuple[_Origin, Task]
Numbered = dict[tuple[RunKey, str, str], tuple[Metric, Path]]


def recognise(path: Path) -> bool:
    """A CSV with a column without a name, then i_roc or p_roc."""
    header = csv_header(path, _NAMES)
    return not _FUSED.isdisjoint(header[1:]) and header[0] not in _NAMES


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per experiment, dataset, K, seed and task that has any number."""
    numbers: Numbered = {}
    for path in sorted(paths):
        try:
            _read_file(path, options, numbers, reject)
        except InputError as error:
            reject(path, str(error))
    runs: dict[RunKey, ImportedRun] = {}
    for key, category, branch in sorted(numbers, key=str):
        run = runs.get(key)
        if run is None:
            run = runs[key] = _run(*key)
        metric, path = numbers[key, category, branch]
        run.categories.setdefault(category, CategoryResult(category)).metrics.append(metric)
        run.files.add(path)
        run.origins.setdefault(category, path)
    yield from runs.values()


def _run(origin: _Origin, task: Task) -> ImportedRun:
    experiment, method, variant, dataset, k_shot, seed, basis = origin
    assert dataset is not None
    return ImportedRun(
        KIND, experiment, method, task, dataset, k_shot, seed, variant,
        selection="best_on_test" if method == PROMPTAD else "unknown",
        assumed={"method": basis} if basis else {},
    )  # fmt: skip


def _read_file(path: Path, options: ImportOptions, numbered: Numbered, reject: Reject) -> None:
    header, rows = _table(path)
    origin = _origin(path, options)
    rows = [(line, cells) for line, cells in rows if not is_mean(cells[0])]
    columns = {
        name: [cells[index] for _, cells in rows if index < len(cells)]
        for index, name in enumerate(header)
        if name in _NAMES
    }
    numbers = Numbers(PERCENT, columns)
    for reason in numbers.refusal():
        reject(path, reason)
    silent = not numbers.refused
    for line, cells in rows:
        try:
            row, problems = _row(path, origin, header, cells, numbers)
            _add(row, numbered)
        except InputError as error:
            row, problems = {}, [str(error)]
        silent = silent and not row and not problems
        reject_problems(path, line, problems, reject)
    if silent:
        raise InputError("holds no number: it has no rows, or 0.00 (not run) everywhere")


def _row(
    path: Path, origin: _Origin, header: list[str], cells: list[str], numbers: Numbers
) -> tuple[Numbered, list[str]]:
    """The numbers of a row, and what is wrong with the others."""
    index, row = cells[0].strip(), by_column(header, cells)
    dataset, category = _split(index, origin.dataset)
    columns = [
        column._replace(branch=_fused(origin)) if column.name in _FUSED else column
        for column in COLUMNS
    ]  # fmt: skip
    results, problems = cells_of_row(index, row, columns, numbers, PRECISION)
    found: Numbered = {}
    for task, result in results:
        key = (origin._replace(dataset=dataset), task)
        found |= {(key, category, metric.branch): (metric, path) for metric in result.metrics if metric.value}
    return found, problems


def _fused(origin: _Origin) -> str:
    """The branch of i_roc and p_roc."""
    if origin.method != WINCLIP:
        return "harmonic"
    return "score" if origin.k_shot else "semantic"


def _add(row: Numbered, numbers: Numbered) -> None:
    """Take the numbers of one row, all or, when one differs from what is known of its cell, none."""
    for key, (metric, path) in row.items():
        known, source = numbers.get(key, (metric, path))
        if metric.value != known.value and metric.value and known.value:
            where = "further up" if source == path else f"in {source}"
            raise InputError(
                f"the {key[0][1]} {metric.branch} AUROC of {key[1]} is {metric.value * 100:.10g} here, "
                f"but {known.value * 100:.10g} {where}",
                "" if source == path else SEPARATE,
            )
    for key, number in row.items():
        numbers.setdefault(key, number)


def _split(index: str, dataset: str | None) -> tuple[str, str]:
    """The dataset and the category of an index such as ``mvtec-metal_nut``; a known dataset settles where to cut."""
    if dataset is not None and index.startswith(f"{dataset}-") and len(index) > len(dataset) + 1:
        return dataset, index.removeprefix(f"{dataset}-")
    match = _INDEX.fullmatch(index)
    if dataset is not None:
        if index and "-" not in index:
            return dataset, index
        raise InputError(f"{index!r} is not of {dataset!r}, the dataset that its folder, its name or --dataset tells")
    if match is None:
        raise InputError(f"{index!r} is not <dataset>-<category>", "give --dataset")
    return match["dataset"], match["category"]


def _origin(path: Path, options: ImportOptions) -> _Origin:
    if match := _WINCLIP_NAME.fullmatch(path.name):
        number = int(match["number"])
        return _Origin(
            options.experiment or path.resolve().parent.name or KIND, options.method or WINCLIP,
            f"index {number}" if number else "baseline", match["dataset"], int(match["k_shot"]), options.seed,
            None if options.method else "the name of the file",
        )  # fmt: skip
    match = _SEED_NAME.fullmatch(path.name)
    seed = int(match[1]) if match else options.seed
    method, basis = options.method or PROMPTAD, None if options.method else "the columns"
    folders = path.resolve().parents
    for folder in folders[:2]:
        if match := _K_FOLDER.fullmatch(folder.name):
            dataset = folder.parent
            experiment = options.experiment or dataset.parent.name or KIND
            return _Origin(experiment, method, "baseline", dataset.name or None, int(match[1]), seed, basis)
    if options.k_shot is None:
        raise InputError("its folders do not tell K (expected <dataset>/k_<K>/csv/...)", "give --k-shot")
    experiment = options.experiment or folders[0].name or KIND
    return _Origin(experiment, method, "baseline", options.dataset, options.k_shot, seed, basis)


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and every other row with the number of its line; a number that the end of the file cuts is marked."""
    header, rows, text = csv_lines(path, _NAMES)
    if not header:
        raise InputError("empty file")
    if rows and header[-1] in _NAMES and not text.endswith(("\n", "\r")):
        last = rows[-1][1]
        last[-1] += "" if _TWO_DECIMALS.fullmatch(last[-1]) else " (the file ends here)"
    return header, rows
