"""The files inside one category folder of a run: arrays as Parquet, numbers as JSON, masks as run lengths."""

from __future__ import annotations

import math
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from promptad_db import files
from promptad_db.errors import InputError
from promptad_db.records import PROVENANCES, CategoryResult, Level, Metric

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

LARGEST_CATEGORY = 1 << 31
_COUNTS = ("n_pos", "n_neg")
_MOST = 1 << 62
_METRIC_FIELDS = {field.name for field in fields(Metric)}
FUSED_FROM = ("semantic", "memory")

_COLUMNS = {
    "images.parquet": {
        "image": "string", "defect_type": "string", "label": "integer", "branch": "string", "score": "floating",
    },
    "maps.parquet": {
        "image": "string", "branch": "string", "height": "integer", "width": "integer", "scores": "list of float",
    },
    "masks.parquet": {"image": "string", "height": "integer", "width": "integer", "run_lengths": "list of int64"},
}  # fmt: skip
_MAY_BE_NULL = ("defect_type", "label")


def write_category_files(folder: Path, result: CategoryResult) -> None:
    """Write all files of a category into an empty folder."""
    _check_result(result)
    if result.scores:
        _write_parquet(folder / "images.parquet", _image_rows(result))
    if result.maps:
        _write_parquet(folder / "maps.parquet", _map_rows(result))
    if result.masks is not None:
        _write_parquet(folder / "masks.parquet", _mask_rows(result))
    if result.timings:
        files.write_json(folder / "timings.json", {"images": len(result.images), "seconds": result.timings})
    files.write_json(folder / "metrics.json", [_without_nones(asdict(metric)) for metric in result.metrics])


def read_category_files(folder: Path, category: str) -> CategoryResult:
    """Read all files of a category and check that they belong together."""
    result = CategoryResult(category)
    result.metrics = _read_metrics(folder / "metrics.json")
    names = {path.name for path in folder.iterdir()}
    if "images.parquet" in names:
        _read_images(folder / "images.parquet", result)
    if "maps.parquet" in names:
        _read_maps(folder / "maps.parquet", result)
    if "masks.parquet" in names:
        _read_masks(folder / "masks.parquet", result)
    if "timings.json" in names:
        result.timings = _read_timings(folder / "timings.json")
    try:
        _check_result(result)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    _check_exact_metrics(folder / "metrics.json", result)
    return result


def encode_mask(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Run lengths of a row-major mask [H, W], starting with the (maybe empty) run of zeros."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate(([0], edges, [flat.size])))
    return np.concatenate(([0], lengths)) if flat[0] else lengths


def decode_mask(run_lengths: NDArray[np.int64], height: int, width: int) -> NDArray[np.bool_]:
    """The mask [height, width] of run lengths; a ValueError when they do not fill it."""
    if height < 1 or width < 1 or (run_lengths < 0).any():
        raise ValueError(f"run lengths do not fill {height} x {width} pixels")
    # A run longer than the mask is refused before the sum, which could overflow to the right number.
    if (run_lengths > height * width).any() or int(run_lengths.sum()) != height * width:
        raise ValueError(f"run lengths do not fill {height} x {width} pixels")
    values = np.arange(run_lengths.size) % 2 == 1
    return np.repeat(values, run_lengths).reshape(height, width)


def _image_rows(result: CategoryResult) -> pa.Table:
    import pyarrow as pa

    count, branches = len(result.images), len(result.scores)
    labels = [None] * count if result.labels is None else [int(label) for label in result.labels]
    return pa.table(
        {
            "image": pa.array(result.images * branches, pa.string()),
            "defect_type": pa.array((result.defect_types or [None] * count) * branches, pa.string()),
            "label": pa.array(labels * branches, pa.int8()),
            "branch": pa.array([branch for branch in result.scores for _ in range(count)], pa.string()),
            "score": pa.array(np.concatenate(list(result.scores.values())), pa.float64()),
        }
    )


def _map_rows(result: CategoryResult) -> pa.Table:
    import pyarrow as pa

    images: list[str] = []
    branches: list[str] = []
    sizes: list[tuple[int, int]] = []
    for branch, maps in result.maps.items():
        images += result.images
        branches += [branch] * len(maps)
        sizes += [(maps.shape[1], maps.shape[2])] * len(maps)
    offsets = np.concatenate(([0], np.cumsum([height * width for height, width in sizes])))
    values = np.concatenate([maps.ravel() for maps in result.maps.values()])
    return pa.table(
        {
            "image": pa.array(images, pa.string()),
            "branch": pa.array(branches, pa.string()),
            "height": pa.array([height for height, _ in sizes], pa.int32()),
            "width": pa.array([width for _, width in sizes], pa.int32()),
            "scores": pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values, pa.float32())),
        }
    )


def _mask_rows(result: CategoryResult) -> pa.Table:
    import pyarrow as pa

    masks = result.masks
    assert masks is not None
    return pa.table(
        {
            "image": pa.array(result.images, pa.string()),
            "height": pa.array([masks.shape[1]] * len(masks), pa.int32()),
            "width": pa.array([masks.shape[2]] * len(masks), pa.int32()),
            "run_lengths": pa.array([encode_mask(mask) for mask in masks], pa.list_(pa.int64())),
        }
    )


def _read_images(path: Path, result: CategoryResult) -> None:
    import pyarrow.compute as pc

    table = _read_parquet(path)
    by_branch: dict[str, tuple[list[str], list[Any], list[Any], NDArray[np.float64]]] = {}
    for branch in dict.fromkeys(table["branch"].to_pylist()):
        rows = table.filter(pc.equal(table["branch"], branch))
        scores = _finite(path, rows["score"].to_numpy().astype(np.float64))
        by_branch[branch] = (
            rows["image"].to_pylist(),
            rows["label"].to_pylist(),
            rows["defect_type"].to_pylist(),
            scores,
        )
    if not by_branch:
        raise InputError(f"{path}: holds no rows")
    first = next(iter(by_branch.values()))
    for branch, rows_of_branch in by_branch.items():
        if rows_of_branch[:3] != first[:3]:
            raise InputError(f"{path}: branch {branch!r} has other images or labels than the branch before it")
        result.scores[branch] = rows_of_branch[3]
    result.images = first[0]
    result.defect_types = first[2] if any(kind is not None for kind in first[2]) else None
    unknown = [label is None for label in first[1]]
    if any(unknown) and not all(unknown):
        raise InputError(f"{path}: some images have no label")
    if not any(unknown):
        if not set(first[1]) <= {0, 1}:
            raise InputError(f"{path}: labels must be 0 (normal) or 1 (anomalous)")
        result.labels = np.array(first[1], dtype=np.int8)


def _read_maps(path: Path, result: CategoryResult) -> None:
    import pyarrow.compute as pc

    table = _read_parquet(path)
    for branch in dict.fromkeys(table["branch"].to_pylist()):
        rows = table.filter(pc.equal(table["branch"], branch)).combine_chunks()
        if rows["image"].to_pylist() != result.images:
            raise InputError(f"{path}: the maps of branch {branch!r} are of other images than images.parquet")
        height, width = _one_size(path, rows)
        lists = rows["scores"].combine_chunks()
        values = lists.flatten().to_numpy(zero_copy_only=False)
        lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
        if (lengths != height * width).any():
            raise InputError(f"{path}: a map of branch {branch!r} does not have {height} x {width} scores")
        result.maps[branch] = _finite(path, values).astype(np.float32).reshape(-1, height, width)


def _read_masks(path: Path, result: CategoryResult) -> None:
    table = _read_parquet(path)
    if table["image"].to_pylist() != result.images:
        raise InputError(f"{path}: the masks are of other images than images.parquet")
    height, width = _one_size(path, table)
    if height * width * table.num_rows > LARGEST_CATEGORY:
        raise InputError(f"{path}: declares {height} x {width} masks, more than a category can hold")
    try:
        masks = [
            decode_mask(np.asarray(row, dtype=np.int64), height, width) for row in table["run_lengths"].to_pylist()
        ]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: {error}") from error
    result.masks = np.stack(masks)


def _read_metrics(path: Path) -> list[Metric]:
    rows = files.read_json(path)
    if not isinstance(rows, list):
        raise InputError(f"{path}: holds no list of metrics")
    metrics = []
    for row in rows:
        try:
            metric = Metric(**{"value": None, **{name: value for name, value in row.items() if name in _METRIC_FIELDS}})
        except (TypeError, AttributeError) as error:
            raise InputError(f"{path}: {str(error).replace('Metric.__init__()', 'a metric')}") from error
        _check_metric(path, metric)
        metrics.append(metric)
    seen = [(metric.level, metric.branch, metric.metric, metric.provenance) for metric in metrics]
    if len(set(seen)) < len(seen):
        raise InputError(f"{path}: the same number stands there twice")
    return metrics


def _read_timings(path: Path) -> dict[str, float]:
    content = files.read_json(path)
    seconds = content.get("seconds") if isinstance(content, dict) else None
    if not isinstance(seconds, dict) or not all(_is_number(value) and value >= 0 for value in seconds.values()):
        raise InputError(f"{path}: must hold seconds a stage")
    return {stage: float(value) for stage, value in seconds.items()}


def _check_metric(path: Path, metric: Metric) -> None:
    texts: tuple[object, ...] = (metric.branch, metric.metric)
    if not all(isinstance(text, str) and text != "" for text in texts) or metric.level not in get_args(Level):
        raise InputError(f"{path}: a metric needs a level (image, pixel), a branch and a metric name")
    if metric.provenance not in PROVENANCES:
        raise InputError(f"{path}: provenance {metric.provenance!r} is not one of {', '.join(PROVENANCES)}")
    name = f"{metric.branch} {metric.metric}"
    if metric.value is None:
        if not metric.note:
            raise InputError(f"{path}: {name} has neither a value nor a note that says why")
    elif not _is_number(metric.value) or not 0 <= metric.value <= 1:
        raise InputError(f"{path}: {name} is {metric.value!r}, must be a fraction between 0 and 1")
    for field_name in ("precision", "ci_low", "ci_high", "n_pos", "n_neg"):
        value = getattr(metric, field_name)
        if value is None and field_name != "precision":
            continue
        if not _is_number(value) or value < 0 or value > (_MOST if field_name in _COUNTS else 1):
            raise InputError(f"{path}: {field_name} of {name} is {value!r}, must be a number that can be meant")
        if field_name in _COUNTS and not isinstance(value, int):
            raise InputError(f"{path}: {field_name} of {name} is {value!r}, must be a whole number")
    if metric.note is not None and not isinstance(metric.note, str):
        raise InputError(f"{path}: the note of {name} must be a text")
    if not all(files.is_text(text) for text in (*texts, metric.note) if text is not None):
        raise InputError(f"{path}: {name!r} or its note holds half a character")


def _check_exact_metrics(path: Path, result: CategoryResult) -> None:
    for metric in result.metrics:
        if metric.provenance != "exact" or metric.value is None:
            continue
        stored = result.scores if metric.level == "image" else result.maps
        fused = metric.level == "pixel" and all(branch in result.maps for branch in FUSED_FROM)
        truth = result.labels if metric.level == "image" else result.masks
        if truth is None or not (metric.branch in stored or fused):
            raise InputError(
                f"{path}: {metric.branch} {metric.metric} claims to be exact, but the scores and ground truth "
                f"that it came from are not stored beside it"
            )


def _check_result(result: CategoryResult) -> None:
    count = len(result.images)
    if (result.scores or result.maps or result.masks is not None) and not count:
        raise InputError(f"category {result.category!r} has scores but no images")
    if len(set(result.images)) < count:
        double = next(image for image in result.images if result.images.count(image) > 1)
        raise InputError(
            f"category {result.category!r}: two images are called {double!r}",
            "give images names that are unique in the category, such as defect/000.png",
        )
    for what, found in (
        ("labels", count if result.labels is None else len(result.labels)),
        ("defect types", count if result.defect_types is None else len(result.defect_types)),
        ("masks", count if result.masks is None else len(result.masks)),
        *((f"scores of branch {branch!r}", len(scores)) for branch, scores in result.scores.items()),
        *((f"maps of branch {branch!r}", len(maps)) for branch, maps in result.maps.items()),
    ):
        if found != count:
            raise InputError(f"category {result.category!r}: {count} images, but {found} {what}")
    for branch in (*result.scores, *result.maps):
        if not branch or not files.is_text(branch):
            raise InputError(f"category {result.category!r}: a branch is called {branch!r}, must be a text")
    if any(kind is not None and not files.is_text(kind) for kind in result.defect_types or ()):
        raise InputError(f"category {result.category!r}: defect types must be texts or None")
    for stage, seconds in result.timings.items():
        if not _is_number(seconds) or seconds < 0:
            raise InputError(f"category {result.category!r}: {stage} took {seconds!r} seconds, must be zero or above")
    if result.labels is not None and not np.isin(result.labels, (0, 1)).all():
        raise InputError(f"category {result.category!r}: labels must be 0 (normal) or 1 (anomalous)")
    if result.masks is not None and result.labels is not None:
        wrong = np.flatnonzero((result.labels == 0) & result.masks.any(axis=(1, 2)))
        if wrong.size:
            raise InputError(
                f"category {result.category!r}: image {result.images[wrong[0]]!r} is labelled normal, "
                f"but its mask has anomalous pixels"
            )


def _one_size(path: Path, table: pa.Table) -> tuple[int, int]:
    sizes = set(zip(table["height"].to_pylist(), table["width"].to_pylist(), strict=True))
    if len(sizes) != 1 or any(not isinstance(edge, int) or edge < 1 for size in sizes for edge in size):
        raise InputError(f"{path}: the images of a category must have one size, found {sorted(sizes, key=str)[:3]}")
    height, width = sizes.pop()
    return height, width


def _finite(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds NaN, infinite or missing scores")
    return values


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def _without_nones(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
            declared = sum(group.column(index).num_values for group in groups for index in range(group.num_columns))
            if declared > LARGEST_CATEGORY:
                raise InputError(f"{path}: declares {declared:,} values, more than a category can hold")
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0][:120]})") from error
    missing = [name for name in _COLUMNS[path.name] if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}")
    return _of_types(path, table)


def _of_types(path: Path, table: pa.Table) -> pa.Table:
    """The columns of our format, each once and of its type, without missing values where none may be."""
    import pyarrow as pa

    fits = {
        "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "integer": lambda kind: pa.types.is_integer(kind) or pa.types.is_null(kind),
        "floating": pa.types.is_floating,
        "list of float": lambda kind: _is_list(kind) and pa.types.is_float32(kind.value_type),
        "list of int64": lambda kind: _is_list(kind) and pa.types.is_int64(kind.value_type),
    }
    for name, wanted in _COLUMNS[path.name].items():
        found = [field.type for field in table.schema if field.name == name]
        if len(found) > 1 or not fits[wanted](found[0]):
            raise InputError(f"{path}: column {name} is {', '.join(map(str, found))}, must be one {wanted}")
        if name not in _MAY_BE_NULL and table[name].null_count:
            raise InputError(f"{path}: column {name} has missing values")
    return table


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _write_parquet(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")
