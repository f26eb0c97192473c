"""Imported runs into run folders: a new folder, or what is new added to the one of the same run."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db import run_folder
from promptad_db.datasets.image_names import image_names
from promptad_db.errors import InputError
from promptad_db.ingestion.readers.joined import joined, with_numbers, without_fusions
from promptad_db.storage import subfolders
from promptad_db.storage.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, Reject
    from promptad_db.records import CategoryResult


def store(
    run: ImportedRun,
    root: Path,
    reject: Reject,
    *,
    replace_existing: bool,
    seen: Callable[[CategoryResult], None] = lambda _result: None,
    joined_in: Callable[[Path], None] = lambda _folder: None,
) -> Path:
    """The run folder of an imported run: a new one, or the one of the same run with what is new added to it.

    ``seen`` is called with each category that the files tell, ``joined_in`` with the folder where branches of other
    files joined a category that it held already.
    """
    suffix = run.fingerprint()
    alike = [folder for folder in subfolders(root) if folder.name.endswith(f"-{suffix}")]
    existing = list(filter(run_folder.is_run_folder, alike))
    source = {"kind": run.kind, "files": [_source_file(path) for path in sorted(run.files)]}
    changed = False
    if existing:
        folder = existing[-1]
    else:
        created_at = run_folder.now()
        run_id = run_folder.new_run_id(
            created_at, dataset=run.dataset, k_shot=run.k_shot, seed=run.seed, task=run.task, suffix=suffix
        )
        folder = run_folder.create_run(root, run.info(run_id, created_at, source))
    stored = set(run_folder.list_categories(folder))
    for category in run.categories:
        try:
            result = run.categories[category]
            seen(result)
            pending = _pending(folder, result, replace_existing=replace_existing) if category in stored else result
            if pending is None:
                continue
            run_folder.write_category(folder, pending, replace_existing=category in stored, durable=False)
            changed = True
            if category in stored and pending is not result:
                joined_in(folder)
        except InputError as error:
            reject(run.origin(category), str(error))
    if existing and changed:
        stored_info = run_folder.read_run(folder)
        run_folder.update_run(
            folder,
            source=_merged_source(stored_info.source, source),
            render=stored_info.render or run.render,
            finished_at=run_folder.now(),
        )
    if changed:
        run_folder.make_durable(folder)
    return folder


def _pending(folder: Path, result: CategoryResult, *, replace_existing: bool) -> CategoryResult | None:
    """What is to be written for a category that is stored already, None when it holds all of this.

    InputError when it holds other content, and nothing may be replaced.
    """
    if _unchanged(folder, result, older=not replace_existing):
        return None
    together = _with_stored_branches(folder, result)
    if together is not None:
        return None if _unchanged(folder, together, older=False) else together
    if not replace_existing:
        raise InputError(
            f"{folder.name}: {result.category} differs from what was ingested before; --replace takes the new numbers, "
            "another --experiment keeps both"
        )
    return result


def _with_stored_branches(folder: Path, result: CategoryResult) -> CategoryResult | None:
    """A stored category and the branches that another file holds of the same images; None where they are not the same,
    or one of them is more than scores.
    """
    try:
        stored = run_folder.read_category(folder, result.category)
        if not (_scores_alone(stored) and _scores_alone(result)) or (stored.labels is None) != (result.labels is None):
            return None
        return with_numbers(joined(without_fusions(stored), without_fusions(result)))
    except InputError:
        return None


def _scores_alone(result: CategoryResult) -> bool:
    exact = all(metric.provenance == "exact" for metric in result.metrics)
    return bool(result.scores) and not result.maps and exact


def _unchanged(folder: Path, result: CategoryResult, *, older: bool) -> bool:
    """Whether a stored category holds this content; one that cannot be read any more does not.

    With ``older`` one without intervals, as versions before them wrote it, holds it too.
    """
    try:
        stored = run_folder.read_category(folder, result.category)
    except InputError:
        return False
    if older and not stored.placements:
        metrics = [replace(metric, ci_low=None, ci_high=None) for metric in result.metrics]
        result = replace(result, metrics=metrics, placements={})
    return _same(stored, result)


def _merged_source(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What a run came from, with the files of both imports, each at its newest hash."""
    files = {file["path"]: file for file in [*known.get("files", []), *new["files"]]}
    return {**known, **new, "files": [files[path] for path in sorted(files)]}


def _source_file(path: Path) -> dict[str, str]:
    return {"path": str(path.resolve()), "sha256": sha256_of(path)}


def _same(one: CategoryResult, other: CategoryResult) -> bool:
    """Whether a stored result and another hold the same content."""
    return (
        one.images == image_names(other.category, other.images)
        and _without_defaults(one) == _without_defaults(other)
        and _same_array(one.labels, other.labels)
        and _same_array(one.masks, other.masks)
        and _same_arrays(one.scores, other.scores)
        and _same_arrays(one.maps, other.maps)
        and one.placements.keys() == other.placements.keys()
    )


def _without_defaults(result: CategoryResult) -> tuple[Any, ...]:
    return ([asdict(metric) for metric in result.metrics], result.defect_types, result.timings)


def _same_array(one: Any, other: Any) -> bool:
    return (one is None and other is None) or np.array_equal(one, other)


def _same_arrays(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(np.array_equal(one[name], other[name]) for name in one)
