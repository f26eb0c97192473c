"""The layout of a PromptAD fork that compares score modes ("gate").

    <root>/full_results.csv                                             all AUROCs, in percent, one row a mode
    <root>/<dataset>/k_<K>/gate_results/<category>_seed<seed>_<task>.json   the same numbers, a file a category
    <root>/<dataset>/k_<K>/metadata/<task>/<category>_seed<seed>_<mode>.json   scores of every image, or maps

The three describe the same cells: they become one run per (dataset, K, seed, task). In the ``seg`` rows of the CSV the
branch columns are estimates from score means; those of mode max are kept, as ``approx``.
"""

from __future__ import annotations

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
)
from promptad_db.ingestion.readers.gate_numbers import AUROCS, CSV_COLUMNS, MODES, RATIO, believed, metrics_of_row
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject, image_names
from promptad_db.ingestion.readers.plausibility import PERCENT, Numbers
from promptad_db.ingestion.readers.reported_cells import reject_problems
from promptad_db.ingestion.readers.table_files import by_column, csv_header, csv_lines, is_json
from promptad_db.precision import shortest
from promptad_db.records import BRANCHES, TASKS, CategoryResult, Task
from promptad_db.storage.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_RESULT_NAME = re.compile(r"(?P<category>.+)_seed(?P<seed>\d{1,18})_(?P<task>cls|seg)\.json")
_META_NAME = re.compile(r"(?P<category>.+)_seed(?P<seed>\d{1,18})_(?P<mode>[a-z]+)\.json")
_K_FOLDER = re.compile(r"k_(\d{1,6})")
_SCORE_KEYS = {"semantic_scores", "memory_scores"}


def recognise(path: Path) -> bool:
    """A results or metadata JSON of this layout, or its full_results.csv."""
    if not is_json(path):
        return set(csv_header(path, {*CSV_COLUMNS, RATIO})) >= CSV_COLUMNS
    if _is_result(path) or _is_metadata(path):
        return True
    try:
        content = read_json(path, allow_nan=True)
    except InputError:
        return False
    return isinstance(content, dict) and (set(content) >= _SCORE_KEYS or _holds_modes(content))


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per root, dataset, K, seed and task."""
    cells: dict[RunKey, dict[str, ImportedCell]] = {}
    for path in sorted(paths, key=lambda path: (not is_json(path), path)):
        try:
            if not is_json(path):
                _read_csv(path, cells, options, reject)
            elif _is_metadata(path) or (not _is_result(path) and set(read_json(path, allow_nan=True)) >= _SCORE_KEYS):
                _read_metadata(path, cells, options)
            else:
                _read_results(path, cells, options, reject)
        except InputError as error:
            reject(path, _without_path(error, path))
    for key in sorted(cells, key=str):
        run = assembled(key, cells[key], options, reject)
        if run.categories:
            yield run


def _read_results(
    path: Path, cells: dict[RunKey, dict[str, ImportedCell]], options: ImportOptions, reject: Reject
) -> None:
    content = read_json(path, allow_nan=True)
    if not isinstance(content, dict) or not _holds_modes(content):
        raise InputError("holds no AUROC of a score mode (semantic, memory, max, harmonic, oracle)")
    match = _RESULT_NAME.fullmatch(path.name)
    category, seed = _category_and_seed(match, options)
    task: Any = match["task"] if match else None
    short = {"cls": "i_roc", "seg": "p_roc"}[task]
    for mode, row in content.items():
        if mode in MODES and (not isinstance(row, dict) or short not in row):
            raise InputError(f"mode {mode} has no {short}")
    told = [
        (branch, row[key], row if branch == mode else {})
        for mode, row in content.items()
        if mode in MODES
        for branch, key in ((mode, short), *((branch, f"{short}_{branch}") for branch in BRANCHES))
        if key in row
    ]
    numbers = Numbers(PERCENT, {short: [value for _, value, _ in told]})
    if reasons := numbers.refusal():
        raise InputError(reasons[0])
    metrics, problems = believed([(numbers, short, task, *one) for one in told])
    add_all(_cell(cells, _place(path, options), seed, task, category), metrics, path)
    if problems:
        reject(path, "; ".join(problems))


def _read_csv(path: Path, cells: dict[RunKey, dict[str, ImportedCell]], options: ImportOptions, reject: Reject) -> None:
    seed = _seed_of_siblings(path.parent)
    seed = options.seed if seed is None else seed
    header, rows, _ = csv_lines(path, {*CSV_COLUMNS, RATIO})
    whole = [dict(zip(header, row, strict=False)) for _, row in rows]
    numbers = Numbers(PERCENT, {name: [row.get(name) for row in whole] for name in AUROCS})
    for reason in numbers.refusal():
        reject(path, reason)
    for line, cells_of_line in rows:
        try:
            row = by_column(header, cells_of_line)
            metrics, problems = metrics_of_row(row, numbers)
        except InputError as error:
            reject(path, f"line {line}: {error}")
            continue
        place = (path.parent.resolve(), row["dataset"], int(row["k_shot"]))
        try:
            add_all(_cell(cells, place, seed, row["task"], row["class"]), metrics, path)
        except DisagreementError as error:
            problems.append(f"{error}; {row['class']} of this run is left out")
        reject_problems(path, line, problems, reject)


def _read_metadata(path: Path, cells: dict[RunKey, dict[str, ImportedCell]], options: ImportOptions) -> None:
    content = read_json(path)
    if not isinstance(content, dict) or not set(content) >= _SCORE_KEYS:
        raise InputError("lacks semantic_scores or memory_scores")
    arrays = {branch: _numbers(content[f"{branch}_scores"], branch) for branch in BRANCHES}
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


def _is_result(path: Path) -> bool:
    return path.parent.name == "gate_results" and is_json(path)


def _is_metadata(path: Path) -> bool:
    return path.parent.parent.name == "metadata" and path.parent.name in TASKS and is_json(path)


def _holds_modes(content: dict[str, Any]) -> bool:
    return any(
        mode in MODES and isinstance(numbers, dict) and ("i_roc" in numbers or "p_roc" in numbers)
        for mode, numbers in content.items()
    )


def _without_path(error: InputError, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")
