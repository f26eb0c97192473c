"""The files inside one category folder of a run: arrays as Parquet, numbers as JSON, masks as run lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.datasets.image_names import image_names
from promptad_db.errors import InputError, UsageError
from promptad_db.limits import LARGEST_CATEGORY, LARGEST_RUN_FILE
from promptad_db.records import CategoryResult, Timings
from promptad_db.run_folder.category_checks import check_exact_metrics, check_result, metrics_of
from promptad_db.run_folder.parquet import by_branch, finite, one_size, read_parquet, write_parquet
from promptad_db.run_folder.placements import PLACEMENTS_FILE, read_placements, write_placements
from promptad_db.run_folder.run_lengths import decode_mask, encode_mask
from promptad_db.schema import conform
from promptad_db.storage import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from promptad_db.records import Metric

MAPS_FILE = "maps.parquet"
WEIGHTS_FILE = "weights.safetensors"


def write_category_files(folder: Path, result: CategoryResult) -> None:
    """Write all files of a category into an empty folder; its images get the names by which other runs know them."""
    result.images = image_names(result.category, result.images)
    check_result(result)
    if result.scores:
        write_parquet(folder / "images.parquet", _image_rows(result))
    if result.maps:
        write_parquet(folder / MAPS_FILE, _map_rows(result))
    if result.masks is not None:
        write_parquet(folder / "masks.parquet", _mask_rows(result))
    if result.placements:
        write_placements(folder / PLACEMENTS_FILE, result)
    if result.timings:
        _write_json(folder / "timings.json", {"images": len(result.images), "seconds": result.timings})
    if result.weights:
        write_weights(folder / WEIGHTS_FILE, result.weights)
    for branch, gate in result.gates.items():
        _write_json(gate_path(folder, branch), gate)
    _write_json(folder / "metrics.json", [_without_nones(vars(metric)) for metric in result.metrics])


def read_category_files(folder: Path, category: str) -> CategoryResult:
    """Read all files of a category and check that they belong together."""
    names = files.own_names(folder)
    result = CategoryResult(category)
    result.metrics = _read_metrics(folder / "metrics.json")
    if "images.parquet" in names:
        _read_images(folder / "images.parquet", result)
    if MAPS_FILE in names:
        _read_maps(folder / MAPS_FILE, result)
    if "masks.parquet" in names:
        _read_masks(folder / "masks.parquet", result)
    if "timings.json" in names:
        result.timings = _read_timings(folder / "timings.json")
    try:
        check_result(result)
    except InputError as error:
        raise InputError(f"{folder}: {error}") from error
    if PLACEMENTS_FILE in names:
        read_placements(folder / PLACEMENTS_FILE, result)
    result.images = image_names(category, result.images)  # those of older versions are as they were given
    check_exact_metrics(folder / "metrics.json", result)
    return result


def gate_path(folder: Path, branch: str) -> Path:
    """The file of the learned gate of a branch (``gate``, ``gate_hard``, ...) in a category folder."""
    if not branch.startswith("gate"):
        raise UsageError(f"branch {branch!r} has no learned gate", "ask for gate or gate_hard")
    return folder / f"{files.folder_name(branch)}.json"


def write_weights(path: Path, weights: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as safetensors: no pickle."""
    from safetensors.numpy import save

    # save_file would tell of a full disk by an error of its own instead of an OSError.
    path.write_bytes(save({name: np.ascontiguousarray(array) for name, array in weights.items()}))


def read_weights(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file; InputError when it is not there or not whole."""
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise UsageError("saved prompts need safetensors", "pip install 'promptad-db[clip]'") from error
    if not path.exists():
        raise InputError(f"{path}: does not exist", "only runs of promptad-db run save their prompts")
    files.require_own(path)
    files.require_file(path)
    try:
        weights: dict[str, NDArray[Any]] = load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({error})") from error
    return weights


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
    kind = pa.float64() if values.dtype == np.float64 else pa.float32()
    return pa.table(
        {
            "image": pa.array(images, pa.string()),
            "branch": pa.array(branches, pa.string()),
            "height": pa.array([height for height, _ in sizes], pa.int32()),
            "width": pa.array([width for _, width in sizes], pa.int32()),
            "scores": pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values, kind)),
        }
    )


def _mask_rows(result: CategoryResult) -> pa.Table:
    import pyarrow as pa

    masks = result.masks
    assert masks is not None
    # Two-valued masks need no column: their files stay as they always were.
    thresholded = {} if result.thresholded is None else {"thresholded": pa.array(result.thresholded, pa.bool_())}
    return pa.table(
        {
            "image": pa.array(result.images, pa.string()),
            "height": pa.array([masks.shape[1]] * len(masks), pa.int32()),
            "width": pa.array([masks.shape[2]] * len(masks), pa.int32()),
            "run_lengths": pa.array([encode_mask(mask) for mask in masks], pa.list_(pa.int64())),
            **thresholded,
        }
    )


def _read_images(path: Path, result: CategoryResult) -> None:
    table = read_parquet(path)
    first: list[list[Any]] = []
    for branch, rows in by_branch(table):
        result.scores[branch] = finite(path, rows["score"].to_numpy().astype(np.float64))
        columns = [rows[name].to_pylist() for name in ("image", "label", "defect_type")]
        if columns != (first or columns):
            raise InputError(f"{path}: branch {branch!r} has other images or labels than the branch before it")
        first = columns
    if not first:
        raise InputError(f"{path}: holds no rows")
    result.images, labels, defect_types = first
    result.defect_types = defect_types if any(kind is not None for kind in defect_types) else None
    unknown = [label is None for label in labels]
    if any(unknown) and not all(unknown):
        raise InputError(f"{path}: some images have no label")
    if not any(unknown):
        if not set(labels) <= {0, 1}:
            raise InputError(f"{path}: labels must be 0 (normal) or 1 (anomalous)")
        result.labels = np.array(labels, dtype=np.int8)


def _read_maps(path: Path, result: CategoryResult) -> None:
    for branch, rows in by_branch(read_parquet(path)):
        if rows["image"].to_pylist() != result.images:
            raise InputError(f"{path}: the maps of branch {branch!r} are of other images than images.parquet")
        height, width = one_size(path, rows)
        lists = rows["scores"].combine_chunks()
        values = lists.flatten().to_numpy(zero_copy_only=False)
        lengths = lists.value_lengths().to_numpy(zero_copy_only=False)
        if (lengths != height * width).any():
            raise InputError(f"{path}: a map of branch {branch!r} does not have {height} x {width} scores")
        result.maps[branch] = _as_written(path, finite(path, values)).reshape(-1, height, width)


def _as_written(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    """Maps as float32 if they were so: beside a branch in float64 they are stored as float64 as well."""
    if values.dtype == np.float32:
        return values
    if values.size and np.abs(values).max() > np.finfo(np.float32).max:
        raise InputError(f"{path}: holds scores beyond float32")
    narrow = values.astype(np.float32)
    return narrow if (narrow == values).all() else values


def _read_masks(path: Path, result: CategoryResult) -> None:
    table = read_parquet(path)
    if table["image"].to_pylist() != result.images:
        raise InputError(f"{path}: the masks are of other images than images.parquet")
    height, width = one_size(path, table)
    if height * width * table.num_rows > LARGEST_CATEGORY:
        raise InputError(f"{path}: declares {height} x {width} masks, more than a category can hold")
    if "thresholded" in table.column_names:
        result.thresholded = table["thresholded"].to_numpy().astype(bool)
    masks = result.masks = np.zeros((table.num_rows, height, width), dtype=bool)
    for index, lengths in enumerate(table["run_lengths"]):
        try:
            masks[index] = decode_mask(lengths.values.to_numpy(zero_copy_only=False), height, width)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: {error}") from error


def _read_metrics(path: Path) -> list[Metric]:
    return metrics_of(files.read_json(path, LARGEST_RUN_FILE), path)


def _read_timings(path: Path) -> dict[str, float]:
    timings: Timings = conform(files.read_json(path, LARGEST_RUN_FILE), Timings, path)
    return timings.seconds


def _write_json(path: Path, content: Any) -> None:
    """Write a JSON file into a folder that nobody else sees yet."""
    path.write_bytes(files.json_bytes(content))


def _without_nones(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
