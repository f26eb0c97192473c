"""placements.parquet of a category folder: what each image adds to each exact AUROC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.records import Placements
from promptad_db.run_folder.parquet import finite, read_parquet, write_parquet

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from promptad_db.records import CategoryResult

PLACEMENTS_FILE = "placements.parquet"
_COUNTS, _SUMS = ("n_pos", "n_neg"), ("pos_sum", "neg_sum")
_MOST = 1 << 40  # pixels of an image
_SAME = 1e-9


def write_placements(path: Path, result: CategoryResult) -> None:
    """Write the placements behind the exact AUROCs of a category, a row an image, level and branch."""
    import pyarrow as pa

    placed = {key: found for key, found in result.placements.items() if _exact(result, *key) is not None}
    for key, placements in placed.items():
        _check(path, *key, placements, result)
    if not placed:
        return
    count = len(result.images)
    keys = [key for key in placed for _ in range(count)]
    columns: dict[str, Any] = {
        "image": pa.array(result.images * len(placed), pa.string()),
        "level": pa.array([level for level, _ in keys], pa.string()),
        "branch": pa.array([branch for _, branch in keys], pa.string()),
    }
    for name in (*_COUNTS, *_SUMS):
        values = np.concatenate([getattr(placements, name) for placements in placed.values()])
        columns[name] = pa.array(values, pa.int64() if name in _COUNTS else pa.float64())
    write_parquet(path, pa.table(columns))


def read_placements(path: Path, result: CategoryResult) -> None:
    """Read the placements of a category, whose images and metrics are there; InputError when they do not belong to them."""
    table = read_parquet(path)
    keys = list(zip(table["level"].to_pylist(), table["branch"].to_pylist(), strict=True))
    count = len(result.images)
    starts = range(0, len(keys), count) if count else ()
    if not keys or not count or len(keys) % count or len({keys[start] for start in starts}) * count != len(keys):
        raise InputError(f"{path}: must hold a row for each image, level and branch")
    for start in starts:
        level, branch = keys[start]
        rows = table.slice(start, count)
        if set(keys[start : start + count]) != {(level, branch)} or rows["image"].to_pylist() != result.images:
            raise InputError(f"{path}: branch {branch!r} at {level} level is of other images than images.parquet")
        placements = Placements(**{name: _column(path, rows, name) for name in (*_COUNTS, *_SUMS)})
        _check(path, level, branch, placements, result)
        result.placements[level, branch] = placements


def _column(path: Path, rows: pa.Table, name: str) -> NDArray[Any]:
    return finite(path, rows[name].to_numpy().astype(np.int64 if name in _COUNTS else np.float64))


def _exact(result: CategoryResult, level: str, branch: str) -> float | None:
    wanted = (level, branch, "auroc", "exact")
    found = (
        metric.value
        for metric in result.metrics
        if (metric.level, metric.branch, metric.metric, metric.provenance) == wanted
    )
    return next(found, None)


def _check(path: Path, level: str, branch: str, placements: Placements, result: CategoryResult) -> None:
    """Refuse placements that no scores can have, or that are of another AUROC than the one beside them."""
    what = f"{path}: branch {branch!r} at {level} level"
    for count, total in ((placements.n_pos, placements.pos_sum), (placements.n_neg, placements.neg_sum)):
        if count.shape != (len(result.images),) or total.shape != count.shape:
            raise InputError(f"{what} must have a number for each of {len(result.images)} images")
        if (count < 0).any() or (count > _MOST).any() or not ((total >= 0) & (total <= count * (1 + _SAME))).all():
            raise InputError(f"{what} has sums of placements that no scores can have")
    exact, n_pos, n_neg = _exact(result, level, branch), int(placements.n_pos.sum()), int(placements.n_neg.sum())
    if exact is None or not n_pos or not n_neg:
        raise InputError(f"{what} has placements, but no exact AUROC in metrics.json")
    if max(abs(placements.pos_sum.sum() / n_pos - exact), abs(placements.neg_sum.sum() / n_neg - exact)) > _SAME:
        raise InputError(f"{what} has placements of another AUROC than metrics.json")
