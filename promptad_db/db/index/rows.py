"""Run folders as table rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db import run_folder
from promptad_db.db.engine import tables
from promptad_db.errors import InputError
from promptad_db.fusion.recipes import branch_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    import sqlalchemy as sa
    from numpy.typing import NDArray

    from promptad_db.db.engine.tables import Columns
    from promptad_db.records import CategoryResult, RunInfo
    from promptad_db.run_folder.places import Content


_SQUARES_OVERFLOW = 1e140


@dataclass
class FolderRows:
    """A run folder as it is now; ``rows`` by table is None as long as nothing in it needs to be written. Rows of tables
    with one for each image are in ``image_rows``.

    ``unverified`` are the categories that were read without a manifest to hold them against. Those are refused where
    ``expected`` has another fingerprint: nobody can say then which of the two is right.
    """

    info: RunInfo
    folder: Path
    fingerprints: dict[str, str] = field(default_factory=dict)
    unverified: set[str] = field(default_factory=set)
    expected: Mapping[str, str] = field(default_factory=dict)
    rows: dict[str, Columns] | None = None
    image_rows: dict[str, list[pa.Table]] = field(default_factory=dict)
    rejected: list[tuple[Path, str]] = field(default_factory=list)

    def read_rows(self) -> None:
        """Read every category; one that cannot be trusted is rejected and left out."""
        self.rows = {table.name: {} for table in tables.CATEGORY_TABLES if table not in tables.IMAGE_TABLES}
        self.image_rows = {table.name: [] for table in tables.IMAGE_TABLES}
        self.rejected.clear()
        for category in run_folder.list_categories(self.folder):
            try:
                result, content = run_folder.read_whole_category(self.folder, category)
                self._check_expected(category, content)
                _append_category(self, result, content.fingerprint)
            except (InputError, OSError) as error:
                self._reject(category, error)
            else:
                self.fingerprints[category] = content.fingerprint
                if not content.sealed:
                    self.unverified.add(category)

    def read_fingerprints(self) -> None:
        """Find out which categories are as they were, without reading what is in them."""
        for category in run_folder.list_categories(self.folder):
            try:
                self.fingerprints[category] = run_folder.category_fingerprint(self.folder, category)
            except (InputError, OSError) as error:
                self._reject(category, error)

    def _check_expected(self, category: str, content: Content) -> None:
        if not content.sealed and self.expected.get(category, content.fingerprint) != content.fingerprint:
            raise InputError(
                f"{run_folder.category_folder(self.folder, category)}: has changed since the database learned of it, and "
                "no manifest says what is right",
                f"bring back a copy; or take it as it is: promptad-db verify --accept-changes {self.folder}",
            )

    def _reject(self, category: str, error: Exception) -> None:
        self.fingerprints.pop(category, None)
        self.rejected.append((run_folder.category_folder(self.folder, category), str(error)))

    def count(self) -> int:
        """How many rows there are to write."""
        few = sum(len(next(iter(columns.values()), [])) for columns in (self.rows or {}).values())
        return few + sum(int(part.num_rows) for parts in self.image_rows.values() for part in parts)


def _append_category(run: FolderRows, result: CategoryResult, fingerprint: str) -> None:
    key = {"run_id": run.info.run_id, "category": result.category}
    _append_images(run, result, key)
    assert run.rows is not None
    rows = run.rows

    def append(table: sa.Table, **columns: Sequence[Any]) -> None:
        length = max((len(values) for values in columns.values()), default=0)
        stored = rows[table.name]
        for name, value in key.items():
            stored.setdefault(name, []).extend([value] * length)
        for name, values in columns.items():
            stored.setdefault(name, []).extend(values)

    count = len(result.images)
    n_anomalous = None if result.labels is None else int(result.labels.sum())
    append(tables.run_categories, fingerprint=[fingerprint], n_images=[count], n_anomalous=[n_anomalous])
    stats: list[tuple[str, str, NDArray[Any]]] = [("image", branch, scores) for branch, scores in result.scores.items()]
    stats += [("pixel", branch, maps) for branch, maps in result.maps.items()]
    for level, branch, values in stats:
        low, high = float(values.min()), float(values.max())
        mean, std = _mean_and_std(values, max(-low, high))
        append(
            tables.branch_stats,
            branch=[branch],
            level=[level],
            n=[values.size],
            mean=[mean],
            std=[std],
            min=[low],
            max=[high],
        )
    append(tables.branches, **_branch_columns(run.info, result))
    names = [column.name for column in tables.metrics.columns if column.name not in key]
    append(tables.metrics, **{name: [getattr(metric, name) for metric in result.metrics] for name in names})
    append(
        tables.timings,
        stage=list(result.timings),
        seconds=list(result.timings.values()),
        n_images=[count] * len(result.timings),
    )


def _branch_columns(info: RunInfo, result: CategoryResult) -> Columns:
    """What the branches of a category are: as the run says, else as their reserved names do."""
    names = dict.fromkeys([*result.scores, *result.maps, *(metric.branch for metric in result.metrics)])
    known = {name: info.branches.get(name) or branch_of(name) for name in names}
    columns: Columns = {"branch": list(known)}
    for field_name in ("kind", "rule", "calibration", "supervision"):
        columns[field_name] = [getattr(branch, field_name) for branch in known.values()]
    return columns


def _append_images(run: FolderRows, result: CategoryResult, key: dict[str, str]) -> None:
    """The rows of tables that have one for each image, which can be millions: as Arrow, not as Python's lists."""
    count = len(result.images)
    if not count:
        return
    from promptad_db.db.engine.arrow import arrow_part, names_of

    def append(table: sa.Table, groups: int, **columns: Any) -> None:
        """As many rows as there are images, for each of some groups."""
        images = names_of(np.tile(np.arange(count, dtype=np.int32), groups), result.images)
        run.image_rows[table.name].append(arrow_part(table, groups * count, {**key, "image": images, **columns}))

    def each(names: Sequence[str]) -> pa.DictionaryArray:
        return names_of(np.repeat(np.arange(len(names), dtype=np.int32), count), names)

    append(tables.images, 1, defect_type=result.defect_types, label=result.labels)
    if result.scores:
        scores = np.concatenate(list(result.scores.values()))
        append(tables.image_scores, len(result.scores), branch=each(list(result.scores)), score=scores)
    if result.placements:
        levels, branches = zip(*result.placements, strict=True)
        sums = {
            name: np.concatenate([getattr(placements, name) for placements in result.placements.values()])
            for name in ("n_pos", "n_neg", "pos_sum", "neg_sum")
        }
        append(tables.placements, len(branches), level=each(levels), branch=each(branches), **sums)


def _mean_and_std(values: NDArray[Any], largest: float) -> tuple[float, float]:
    """Mean and standard deviation in doubles, of scores so large that their squares overflow as well; ``largest`` is the
    largest of them without its sign.
    """
    scale = largest if largest > _SQUARES_OVERFLOW else 1.0
    scaled = values / scale if scale > 1 else values
    return float(scaled.mean(dtype=np.float64)) * scale, float(scaled.std(dtype=np.float64)) * scale


def columns_of(rows: list[dict[str, Any]]) -> Columns:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def run_row(run: FolderRows) -> dict[str, Any]:
    info, render = run.info, run.info.render
    return {
        "run_id": info.run_id,
        "experiment": info.experiment,
        "method": info.method,
        "variant": info.variant,
        "task": info.task,
        "dataset": info.dataset,
        "k_shot": info.k_shot,
        "seed": info.seed,
        "status": info.status,
        "created_at": _utc(info.created_at),
        "finished_at": None if info.finished_at is None else _utc(info.finished_at),
        "model_name": info.model.get("name"),
        "pretrained": info.model.get("pretrained"),
        "weights_sha256": info.model.get("weights_sha256"),
        "render_height": None if render is None else render.height,
        "render_width": None if render is None else render.width,
        "interpolation": None if render is None else render.interpolation,
        "gaussian_sigma": None if render is None else float(render.gaussian_sigma),
        "image_score": info.image_score,
        "selection": info.selection,
        "protocol": info.protocol,
        "source_kind": info.source.get("kind"),
        "note": info.note,
        "folder": str(run.folder),
    }


def _utc(time: str) -> datetime:
    return datetime.fromisoformat(time).astimezone(UTC).replace(tzinfo=None)
