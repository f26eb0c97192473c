"""The contract on disk, run folder format 1: the only reader and the only writer of run folders.

    runs/<run_id>/run.json
    runs/<run_id>/<category>/images.parquet, maps.parquet, masks.parquet, metrics.json, timings.json, weights.safetensors

A category is written under a hidden name and renamed when complete, so a folder with its final name is whole.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import shutil
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from promptad_db import files
from promptad_db.category_files import (
    MAPS_FILE,
    WEIGHTS_FILE,
    gate_path,
    read_category_files,
    read_weights,
    write_category_files,
)
from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_PICTURE
from promptad_db.records import PROTOCOLS, SELECTIONS, STATUSES, TASKS, CategoryResult, Interpolation, Render, RunInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FORMAT = 1
RUN_FILE = "run.json"
_SET_ASIDE = ".old-"
_LEARNED = ".learned-"
_SAFE_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


def default_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Where run folders go: the argument, else PROMPTAD_RUNS, else ./runs."""
    return Path(root or os.environ.get("PROMPTAD_RUNS") or "runs")


def now() -> str:
    """The time as run folders write it: UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_run_id(created_at: str, *, dataset: str, k_shot: int, seed: int | None, task: str, suffix: str = "") -> str:
    """An id that sorts by time, is safe as a file name, and can be read by people."""
    time = re.sub(r"[^0-9T]", "", created_at.split("+", maxsplit=1)[0])
    slug = re.sub(r"[^A-Za-z0-9]+", "-", dataset).strip("-")[:40] or "dataset"
    return f"{time}-{slug}-k{k_shot}-s{'x' if seed is None else seed}-{task}-{suffix or secrets.token_hex(4)}"


def create_run(root: Path, info: RunInfo) -> Path:
    """Make the folder of a new run, which appears with its run.json in it; an existing one of this id is an InputError."""
    folder = root / _checked_run_id(info.run_id, root)
    _check_run(info, folder / RUN_FILE)
    if folder.exists():
        raise InputError(f"{folder}: a run folder of this id exists")
    temporary = files.temporary_name(folder)
    temporary.mkdir(parents=True)
    try:
        write_run(temporary, info)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def write_run(folder: Path, info: RunInfo) -> None:
    """Write run.json, whole or not at all."""
    files.write_json(folder / RUN_FILE, {"format": FORMAT, **asdict(info)})


def update_run(folder: Path, **changes: Any) -> RunInfo:
    """Change fields of run.json and return what it says now."""
    info = replace(read_run(folder), **changes)
    write_run(folder, info)
    return info


def note_learned(folder: Path, category: str, description: dict[str, Any]) -> None:
    """Keep beside run.json what a run says of what it learned in a category, until ``gather_learned``.

    Several processes may each be at a category of one run, but only one at a time may change its run.json.
    """
    files.write_json(folder / f"{_LEARNED}{files.folder_name(category)}.json", description)


def gather_learned(folder: Path) -> RunInfo:
    """Move what was noted of finished and unfinished categories into the config of run.json, as ``learned``."""
    info = read_run(folder)
    notes = sorted(folder.glob(f"{_LEARNED}*.json"))
    if not notes:
        return info
    found = {files.text_of(path.stem.removeprefix(_LEARNED)): files.read_json(path) for path in notes}
    info = update_run(folder, config={**info.config, "learned": {**info.config.get("learned", {}), **found}})
    for path in notes:
        path.unlink()
    return info


def is_run_folder(folder: Path) -> bool:
    """Whether a folder claims to be a run folder: it has a run.json."""
    return os.path.isfile(folder / RUN_FILE)  # noqa: PTH113 - False too where pathlib raises: no permission, too long a name


def find_runs(root: Path) -> list[Path]:
    """The run folders directly below ``root``, in the order of their ids."""
    if not root.is_dir():
        return []
    return [path for path in sorted(root.iterdir()) if not path.name.startswith(".") and is_run_folder(path)]


def walk_runs(root: Path) -> Iterator[Path]:
    """The run folders at any depth below ``root``, in the order of their paths; ``root`` itself if it is one."""
    if is_run_folder(root):
        yield root
        return
    for parent, subfolders, _ in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        inside = [name for name in subfolders if is_run_folder(Path(parent, name))]
        subfolders[:] = [name for name in subfolders if name not in set(inside)]
        yield from (Path(parent, name) for name in inside)


def stamp(folder: Path) -> tuple[int, ...] | None:
    """What changes whenever run.json or a finished category of a run does, for little work; None when the run is gone."""
    try:
        return (folder / RUN_FILE).stat().st_mtime_ns, folder.stat().st_mtime_ns
    except OSError:
        return None


def read_run(folder: Path) -> RunInfo:
    """What run.json says; an InputError names the file and what is wrong with it."""
    path = folder / RUN_FILE
    files.require_own(path)
    content = files.read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no object")
    stored_format = content.pop("format", None)
    if stored_format != FORMAT:
        newer = isinstance(stored_format, int) and stored_format > FORMAT
        raise InputError(
            f"{path}: run folder format {stored_format!r}, this version reads format {FORMAT}",
            "upgrade the package: pip install -U promptad-db" if newer else "",
        )
    known = {field.name for field in fields(RunInfo)}
    try:
        info = RunInfo(**{name: value for name, value in content.items() if name in known})
        if info.render is not None:
            if not isinstance(content["render"], dict):
                raise InputError(f"{path}: render must be an object")
            info = replace(info, render=Render(**content["render"]))
    except TypeError as error:
        raise InputError(f"{path}: {_without_init(error)}") from error
    if not isinstance(info.tags, list):
        raise InputError(f"{path}: tags must be a list of texts")
    info = replace(info, tags=tuple(info.tags))
    _check_run(info, path)
    if info.run_id != folder.name:
        raise InputError(f"{path}: is about run {info.run_id!r}, but its folder is {folder.name!r}")
    return info


def list_categories(folder: Path) -> list[str]:
    """The finished categories of a run, sorted."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(files.text_of(name) for name in names if _is_category_name(name))


def category_folder(folder: Path, category: str) -> Path:
    """The folder of one category, always directly below the run folder."""
    return folder / files.folder_name(category)


def write_category(
    folder: Path, result: CategoryResult, *, replace_existing: bool = False, keep_rest: bool = False
) -> Path:
    """Write one category of a run; it appears under its name when it is complete.

    With ``keep_rest`` the files of an existing category that the result does not hold (weights, gates) stay with it.
    """
    final = category_folder(folder, result.category)
    if final.exists() and not replace_existing:
        raise InputError(f"{final}: this category is logged already", "log each category of a run once")
    temporary = files.temporary_name(final)
    temporary.mkdir()
    try:
        write_category_files(temporary, result)
        if final.exists():
            if keep_rest:
                _copy_rest(final, temporary)
            old = final.with_name(f".{final.name}{_SET_ASIDE}{secrets.token_hex(6)}")
            final.rename(old)
            temporary.rename(final)
            shutil.rmtree(old)
        else:
            temporary.rename(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return final


def read_category(folder: Path, category: str) -> CategoryResult:
    """Read one category back; whatever cannot be trusted is an InputError that names the file."""
    path = category_folder(folder, category)
    files.require_own(path)
    if not path.is_dir():
        raise InputError(f"{path}: not a category folder")
    return read_category_files(path, category)


def mend(folder: Path) -> None:
    """Put back the categories of a run whose replacement was killed between its two renames."""
    for old in folder.glob(f".*{_SET_ASIDE}*"):
        final = folder / old.name[1:].rpartition(_SET_ASIDE)[0]
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(final)


def read_category_weights(folder: Path, category: str) -> dict[str, NDArray[Any]]:
    """What a run learned in one category, arrays by name; an InputError names the file when there is none."""
    return read_weights(category_folder(folder, category) / WEIGHTS_FILE)


def has_weights(folder: Path, category: str) -> bool:
    """Whether a run kept what it learned in one category."""
    return (category_folder(folder, category) / WEIGHTS_FILE).is_file()


def has_maps(folder: Path, category: str) -> bool:
    """Whether a run kept anomaly maps in one category."""
    return (category_folder(folder, category) / MAPS_FILE).is_file()


def read_category_gate(folder: Path, category: str, branch: str = "gate") -> dict[str, Any]:
    """The learned gate of a fused branch, as it is stored; an InputError names the file when there is none."""
    path = gate_path(category_folder(folder, category), branch)
    files.require_own(path)
    gate = files.read_json(path)
    if not isinstance(gate, dict):
        raise InputError(f"{path}: holds no object")
    return gate


def remove_unfinished(folder: Path) -> None:
    """Take away what a killed process left half written in a run folder that nobody else writes to."""
    mend(folder)
    for path in folder.glob(".*.tmp-*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def category_fingerprint(folder: Path, category: str) -> str:
    """A hash of all files of a category: equal means unchanged."""
    path = category_folder(folder, category)
    files.require_own(path)
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    return files.sha256_of(*(path / name for name in names))


def _copy_rest(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_file() and not (target / path.name).exists():
            shutil.copy2(path, target / path.name)


def _is_category_name(name: str) -> bool:
    """Whether ``write_category`` could have given a folder this name."""
    try:
        return files.folder_name(files.text_of(name)) == name
    except (InputError, UnicodeDecodeError):
        return False


def _checked_run_id(run_id: str, where: Path) -> str:
    if not _SAFE_RUN_ID.fullmatch(run_id):
        raise InputError(f"{where}: run id {run_id!r} is not safe as a file name")
    return run_id


def _check_run(info: RunInfo, path: Path) -> None:
    _checked_run_id(str(info.run_id), path)
    for name in ("run_id", "experiment", "method", "variant", "dataset", "created_at", "image_score"):
        if not files.is_text(getattr(info, name)) or not getattr(info, name):
            raise InputError(f"{path}: {name} must be a text")
    if info.note is not None and not files.is_text(info.note):
        raise InputError(f"{path}: note must be a text")
    for name, allowed in (
        ("task", TASKS),
        ("selection", SELECTIONS),
        ("protocol", PROTOCOLS),
        ("status", STATUSES),
    ):
        if getattr(info, name) not in allowed:
            raise InputError(f"{path}: {name} is {getattr(info, name)!r}, must be one of {', '.join(allowed)}")
    for name in ("created_at", "finished_at"):
        value = getattr(info, name)
        try:
            if value is not None:
                time = datetime.fromisoformat(value)
                time.astimezone(UTC)
                if time.tzinfo is None:
                    raise ValueError  # noqa: TRY301 - a time without its zone is as unreadable as no time
        except (OverflowError, TypeError, ValueError) as error:
            raise InputError(f"{path}: {name} must be an ISO 8601 time with its zone") from error
    _check_whole_number(path, "k_shot", info.k_shot, low=0, high=1_000_000)
    if info.seed is not None:
        _check_whole_number(path, "seed", info.seed, low=-(2**62), high=2**62)
    for name in ("model", "config", "environment", "source"):
        if not isinstance(getattr(info, name), dict):
            raise InputError(f"{path}: {name} must be an object")
        try:
            json.dumps(getattr(info, name), allow_nan=False, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: {name} cannot be written as JSON ({error})") from error
    for key, value in (
        *((f"model.{key}", info.model.get(key)) for key in ("name", "pretrained", "weights_sha256")),
        ("source.kind", info.source.get("kind")),
    ):
        if value is not None and not files.is_text(value):
            raise InputError(f"{path}: {key} must be a text")
    if not all(files.is_text(tag) for tag in info.tags):
        raise InputError(f"{path}: tags must be texts")
    if info.render is not None:
        _check_render(info.render, path)


def _check_render(render: Render, path: Path) -> None:
    for name in ("height", "width"):
        _check_whole_number(path, f"render.{name}", getattr(render, name), low=1, high=1 << 16)
    if render.height * render.width > LARGEST_PICTURE:
        raise InputError(f"{path}: render.height x render.width is {render.height} x {render.width}, too many pixels")
    if render.interpolation not in get_args(Interpolation):
        raise InputError(f"{path}: render.interpolation is {render.interpolation!r}, must be bilinear or none")
    sigma: object = render.gaussian_sigma
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 <= sigma < math.inf:
        raise InputError(f"{path}: render.gaussian_sigma must be a number of zero or above, not {sigma!r}")


def _check_whole_number(path: Path, name: str, value: object, *, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{path}: {name} must be a whole number, not {value!r}")


def _without_init(error: TypeError) -> str:
    return str(error).replace("RunInfo.__init__()", "run.json").replace("Render.__init__()", "render")
