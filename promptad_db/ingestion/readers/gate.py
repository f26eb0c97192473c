"""The layout of a PromptAD fork that compares score modes ("gate").

    <root>/full_results.csv                                             all AUROCs, in percent, one row a mode
    <root>/<dataset>/k_<K>/gate_results/<category>_seed<seed>_<task>.json   the same numbers, a file a category
    <root>/<dataset>/k_<K>/metadata/<task>/<category>_seed<seed>_<mode>.json   scores of every image, or maps

The three describe the same cells: they become one run per (dataset, K, seed, task). In the ``seg`` rows of the CSV the
branch columns are estimates from score means; those of mode max are kept, as ``approx``.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.gate_cells import (
    DisagreementError,
    ImportedCell,
    RunKey,
    add_all,
    assembled,
    estimate,
)
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject, fraction, image_names, reported
from promptad_db.ingestion.readers.reported_cells import read_lines
from promptad_db.precision import shortest
from promptad_db.records import LEVEL_OF_TASK, TASKS, CategoryResult, Metric, Task
from promptad_db.storage.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MODES = ("semantic", "memory", "max", "harmonic", "oracle")

_CSV_COLUMNS = {"dataset", "class", "k_shot", "task", "mode", "auroc", "semantic_auroc", "memory_auroc"}
_RESULT_NAME = re.compile(r"(?P<category>.+)_seed(?P<seed>\d{1,18})_(?P<task>cls|seg)\.json")
_META_NAME = re.compile(r"(?P<category>.+)_seed(?P<seed>\d{1,18})_(?P<mode>[a-z]+)\.json")
_K_FOLDER = re.compile(r"k_(\d{1,6})")
_SCORE_KEYS = {"semantic_scores", "memory_scores"}


def recognise(path: Path) -> bool:
    """A results or metadata JSON of this layout, or its full_results.csv."""
    if path.suffix == ".csv":
        return set(_csv_header(path)) >= _CSV_COLUMNS
    if path.suffix != ".json":
        return False
    if _is_result(path) or _is_metadata(path):
        return True
    try:
        content = read_json(path)
    except InputError:
        return False
    return isinstance(content, dict) and (set(content) >= _SCORE_KEYS or _holds_modes(content))


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per root, dataset, K, seed and task."""
    cells: dict[RunKey, dict[str, ImportedCell]] = {}
    for path in sorted(paths, key=lambda path: (path.suffix == ".csv", path)):
        try:
            if path.suffix == ".csv":
                _read_csv(path, cells, options, reject)
            elif _is_metadata(path) or (not _is_result(path) and set(read_json(path)) >= _SCORE_KEYS):
                _read_metadata(path, cells, options)
            else:
                _read_results(path, cells, options)
        except InputError as error:
            reject(path, _without_path(error, path))
    for key in sorted(cells, key=str):
        run = assembled(key, cells[key], options, reject)
        if run.categories:
            yield run


def _read_results(path: Path, cells: dict[RunKey, dict[str, ImportedCell]], options: ImportOptions) -> None:
    content = read_json(path)
    if not isinstance(content, dict) or not _holds_modes(content):
        raise InputError("holds no AUROC of a score mode (semantic, memory, max, harmonic, oracle)")
    match = _RESULT_NAME.fullmatch(path.name)
    category, seed = _category_and_seed(match, options)
    task: Any = match["task"] if match else None
    short = {"cls": "i_roc", "seg": "p_roc"}[task]
    metrics = []
    for mode, numbers in content.items():
        if mode not in MODES:
            continue
        if not isinstance(numbers, dict) or short not in numbers:
            raise InputError(f"mode {mode} has no {short}")
        metrics.append(_reported(task, mode, numbers[short], numbers))
        for branch in ("semantic", "memory"):
            if f"{short}_{branch}" in numbers:
                metrics.append(_reported(task, branch, numbers[f"{short}_{branch}"], {}))
    cell = _cell(cells, _place(path, options), seed, task, category)
    add_all(cell, metrics, path)


def _read_csv(path: Path, cells: dict[RunKey, dict[str, ImportedCell]], options: ImportOptions, reject: Reject) -> None:
    seed = _seed_of_siblings(path.parent)
    seed = options.seed if seed is None else seed
    try:
        rows = list(csv.DictReader(io.StringIO(read_lines(path), newline="")))
    except csv.Error as error:
        raise InputError(f"not a readable CSV file ({error})") from error
    for line, row in enumerate(rows, start=2):
        try:
            metrics = _metrics_of_row(row)
        except (InputError, AttributeError, TypeError) as error:
            reject(path, f"line {line}: {error}")
            continue
        place = (path.parent.resolve(), row["dataset"], int(row["k_shot"]))
        try:
            add_all(_cell(cells, place, seed, row["task"], row["class"]), metrics, path)
        except DisagreementError as error:
            reject(path, f"line {line}: {error}; {row['class']} of this run is left out")


def _metrics_of_row(row: dict[str, Any]) -> list[Metric]:
    task, mode = row["task"], row["mode"]
    if task not in TASKS or mode not in MODES or not row["class"] or not row["dataset"]:
        raise InputError("has no task (cls, seg), mode, class or dataset that is known")
    if not re.fullmatch(r"[0-9]{1,6}", row["k_shot"] or ""):
        raise InputError(f"k_shot is {row['k_shot']!r}, not a whole number")
    metrics = [_reported(task, mode, row["auroc"], row)]
    for branch in ("semantic", "memory"):
        value = row.get(f"{branch}_auroc")
        if value and task == "cls":
            metrics.append(_reported("cls", branch, value, {}))
        elif value and mode == "max":
            metrics.append(estimate(branch, fraction(value, f"{branch}_auroc")))
    return metrics


def _read_metadata(path: Path, cells: dict[RunKey, dict[str, ImportedCell]], options: ImportOptions) -> None:
    content = read_json(path)
    if not isinstance(content, dict) or not set(content) >= _SCORE_KEYS:
        raise InputError("lacks semantic_scores or memory_scores")
    arrays = {branch: _numbers(content[f"{branch}_scores"], branch) for branch in ("semantic", "memory")}
    semantic, memory = arrays["semantic"], arrays["memory"]
    if semantic.shape != memory.shape:
        raise InputError(f"semantic_scores have shape {list(semantic.shape)}, memory_scores {list(memory.shape)}")
    match = _META_NAME.fullmatch(path.name)
    category, seed = _category_and_seed(match, options)
    task: Task = "cls" if semantic.ndim == 1 else "seg"
    result = CategoryResult(category, image_names(len(semantic)))
    for branch, values in arrays.items():
        if task == "cls":
            result.scores[branch] = values
        else:
            result.maps[branch] = shortest(values)
            result.scores[branch] = result.maps[branch].max(axis=(1, 2)).astype(np.float64)
    if content.get("labels") is not None:
        result.labels = _labels(content["labels"], len(semantic))
    cell = _cell(cells, _place(path, options), seed, task, category)
    if cell.scores is not None and not _same_scores(cell.scores, result):
        cell.refused = True
        raise DisagreementError(f"its scores differ from those of {cell.scores_file or path.parent}")
    if cell.scores is None or result.labels is not None:
        cell.scores, cell.scores_file = result, path
    cell.files.add(path)


def _reported(task: Any, mode: str, percent: object, row: dict[str, Any]) -> Metric:
    branch, note = mode, None
    if mode == "oracle" and task == "seg":
        branch, note = "reported_oracle", "called oracle in its source, where it equals max"
    elif mode == "oracle":
        note = "upper bound: picks a branch per image with the label's help"
        if row.get("oracle_semantic_ratio"):
            share = fraction(row["oracle_semantic_ratio"], "oracle_semantic_ratio") * 100
            note += f"; semantic for {share:.2f} % of the images"
    return reported(LEVEL_OF_TASK[task], branch, percent, where=f"the AUROC of mode {mode}", note=note)


def _cell(
    cells: dict[RunKey, dict[str, ImportedCell]],
    place: tuple[Path, str, int],
    seed: int | None,
    task: Any,
    category: str,
) -> ImportedCell:
    return cells.setdefault((*place, seed, task), {}).setdefault(category, ImportedCell())


def _place(path: Path, options: ImportOptions) -> tuple[Path, str, int]:
    """The root, dataset and K that a file's folders tell; options stand in for what they do not."""
    folders = path.resolve().parents
    for index, folder in enumerate(folders[:-2]):
        match = _K_FOLDER.fullmatch(folder.name)
        if match:
            return folders[index + 2], folders[index + 1].name, int(match[1])
    if options.dataset is None or options.k_shot is None:
        raise InputError(
            "its folders do not tell dataset and K (expected <dataset>/k_<K>/...)", "give --dataset and --k-shot"
        )
    return folders[0], options.dataset, options.k_shot


def _category_and_seed(match: re.Match[str] | None, options: ImportOptions) -> tuple[str, int | None]:
    if match is None:
        raise InputError("its name does not tell category and seed (expected <category>_seed<seed>_....json)")
    return match["category"], int(match["seed"]) if match["seed"] else options.seed


def _seed_of_siblings(root: Path) -> int | None:
    names = (
        path.name for folder in ("gate_results", "metadata/*") for path in root.glob(f"*/k_*/{folder}/*_seed*.json")
    )
    seeds = {int(match["seed"]) for name in names if (match := _META_NAME.fullmatch(name))}
    return seeds.pop() if len(seeds) == 1 else None


def _numbers(values: Any, branch: str) -> NDArray[np.float64]:
    try:
        array = np.array(values)
    except ValueError as error:
        raise InputError(f"{branch}_scores are not numbers, or a map of them has the wrong size") from error
    if array.dtype.kind not in "iuf":
        raise InputError(f"{branch}_scores are not numbers")
    array = array.astype(np.float64)
    if array.ndim not in (1, 3) or not array.size:
        raise InputError(f"{branch}_scores have shape {list(array.shape)}, wanted [images] or [images, rows, columns]")
    if not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise InputError(f"{branch}_scores hold NaN, infinite scores or scores beyond float32")
    return array


def _labels(values: Any, count: int) -> NDArray[np.int8]:
    if not isinstance(values, list) or len(values) != count or any(value not in (0, 1) for value in values):
        raise InputError(f"labels must be {count} times 0 or 1, one an image")
    labels = np.array(values, dtype=np.int8)
    if labels.all() or not labels.any():
        raise InputError(f"labels hold one class only ({count} times {labels[0]}): no AUROC can come from them")
    return labels


def _same_scores(one: CategoryResult, other: CategoryResult) -> bool:
    same_labels = one.labels is None or other.labels is None or np.array_equal(one.labels, other.labels)
    return same_labels and all(
        np.array_equal(values, stored_other.get(branch))  # type: ignore[arg-type]
        for stored, stored_other in ((one.scores, other.scores), (one.maps, other.maps))
        for branch, values in stored.items()
    )


def _csv_header(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            return next(csv.reader([file.readline(65536)]), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _is_result(path: Path) -> bool:
    return path.parent.name == "gate_results" and path.suffix == ".json"


def _is_metadata(path: Path) -> bool:
    return path.parent.parent.name == "metadata" and path.parent.name in TASKS and path.suffix == ".json"


def _holds_modes(content: dict[str, Any]) -> bool:
    return any(
        mode in MODES and isinstance(numbers, dict) and ("i_roc" in numbers or "p_roc" in numbers)
        for mode, numbers in content.items()
    )


def _without_path(error: InputError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")
