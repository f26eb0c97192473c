"""The contract on disk, run folder format 1: the only reader and the only writer of run folders.

    runs/<run_id>/run.json
    runs/<run_id>/<category>/images.parquet, maps.parquet, masks.parquet, metrics.json, timings.json, weights.safetensors

A category is there whole or not at all: ``run_places`` says how, on this machine and on stores.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any

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
from promptad_db.records import CategoryResult, Render, RunInfo
from promptad_db.run_checks import check_run, checked_run_id
from promptad_db.run_places import RUN_FILE, place_of
from promptad_db.storage import each, folder_at, is_remote, reaching, subfolders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FORMAT = 1
_TRASH = ".trash"
_LEARNED = ".learned-"


def default_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Where run folders go, a path or an fsspec address: the argument, else PROMPTAD_RUNS, else ./runs."""
    return folder_at(root or os.environ.get("PROMPTAD_RUNS") or "runs")


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
    folder = root / checked_run_id(info.run_id, root)
    check_run(info, folder / RUN_FILE)
    try:
        place_of(folder).create(_content(info))
    except FileExistsError as error:
        raise InputError(f"{folder}: a run folder of this id exists") from error
    return folder


def write_run(folder: Path, info: RunInfo) -> None:
    """Write run.json, whole or not at all."""
    files.write_bytes(folder / RUN_FILE, _content(info))


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
    info, place = read_run(folder), place_of(folder)
    notes = place.loose_files(_LEARNED)
    if not notes:
        return info
    found = {files.text_of(path.stem.removeprefix(_LEARNED)): files.read_json(path) for path in notes}
    info = update_run(folder, config={**info.config, "learned": {**info.config.get("learned", {}), **found}})
    for path in notes:
        place.remove_file(path)
    return info


def is_run_folder(folder: Path) -> bool:
    """Whether a folder claims to be a run folder: it has a run.json."""
    if is_remote(folder):
        with reaching(folder):
            return (folder / RUN_FILE).is_file()
    return os.path.isfile(folder / RUN_FILE)  # noqa: PTH113 - False too where pathlib raises: no permission, too long a name


def find_runs(root: Path) -> list[Path]:
    """The run folders directly below ``root``, in the order of their ids."""
    folders = subfolders(root)
    return list(compress(folders, each(root, is_run_folder, folders)))


def walk_runs(root: Path) -> Iterator[Path]:
    """The run folders at any depth below ``root``, in the order of their paths; ``root`` itself if it is one.

    Folders in it that may not be listed, such as lost+found, are passed over; a ``root`` that may not is an OSError.
    """
    if is_run_folder(root):
        yield root
        return
    folders = subfolders(root)
    for folder, is_run in zip(folders, each(root, is_run_folder, folders), strict=True):
        if is_run:
            yield folder
        elif not folder.is_symlink():
            with suppress(PermissionError):
                yield from walk_runs(folder)


def stamp(folder: Path) -> object:
    """What changes whenever run.json or a finished category of a run does, for little work; None when the run is gone."""
    return place_of(folder).stamp()


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
    check_run(info, path)
    if info.run_id != folder.name:
        raise InputError(f"{path}: is about run {info.run_id!r}, but its folder is {folder.name!r}")
    return info


def list_categories(folder: Path) -> list[str]:
    """The finished categories of a run, sorted."""
    return sorted(files.text_of(name) for name in place_of(folder).categories() if _is_category_name(name))


def times(folder: Path) -> tuple[datetime, dict[str, datetime]]:
    """When run.json was last written, and when each finished category was."""
    found = place_of(folder).times()
    written = found.pop(RUN_FILE)
    return written, {files.text_of(name): time for name, time in found.items() if _is_category_name(name)}


def category_folder(folder: Path, category: str) -> Path:
    """The folder of one category, always directly below the run folder."""
    return folder / files.folder_name(category)


def write_category(
    folder: Path, result: CategoryResult, *, replace_existing: bool = False, keep_rest: bool = False
) -> Path:
    """Write one category of a run; it appears under its name when it is complete.

    With ``keep_rest`` the files of an existing category that the result does not hold (weights, gates) stay with it.
    """
    name = files.folder_name(result.category)
    place = place_of(folder)
    if not replace_existing and name in place.categories():
        raise InputError(f"{folder / name}: this category is logged already", "log each category of a run once")
    place.write(name, lambda empty: write_category_files(empty, result), keep_rest=keep_rest)
    return folder / name


def read_category(folder: Path, category: str) -> CategoryResult:
    """Read one category back; whatever cannot be trusted is an InputError that names the file."""
    with place_of(folder).reading(files.folder_name(category)) as content:
        return read_category_files(content, category)


def mend(folder: Path) -> None:
    """Put back the categories of a run whose replacement was killed half way."""
    place_of(folder).tidy(alone=False)


def read_category_weights(folder: Path, category: str) -> dict[str, NDArray[Any]]:
    """What a run learned in one category, arrays by name; an InputError names the file when there is none."""
    with place_of(folder).reading(files.folder_name(category), only=[WEIGHTS_FILE]) as content:
        return read_weights(content / WEIGHTS_FILE)


def has_weights(folder: Path, category: str) -> bool:
    """Whether a run kept what it learned in one category."""
    return place_of(folder).holds(files.folder_name(category), WEIGHTS_FILE)


def has_maps(folder: Path, category: str) -> bool:
    """Whether a run kept anomaly maps in one category."""
    return place_of(folder).holds(files.folder_name(category), MAPS_FILE)


def read_category_gate(folder: Path, category: str, branch: str = "gate") -> dict[str, Any]:
    """The learned gate of a fused branch, as it is stored; an InputError names the file when there is none."""
    with place_of(folder).reading(files.folder_name(category)) as content:
        path = gate_path(content, branch)
        files.require_own(path)
        gate = files.read_json(path)
        if not isinstance(gate, dict):
            raise InputError(f"{path}: holds no object")
        return gate


def remove_unfinished(folder: Path) -> None:
    """Take away what a killed process left half written in a run folder that nobody else writes to."""
    place_of(folder).tidy(alone=True)


def copy_run(folder: Path, root: Path) -> Path:
    """Copy a run below another root, here or on a store; what is there already, with the same files, is kept.

    Returns the copy. Raises InputError for a run that is being written.
    """
    info, source, copy = read_run(folder), place_of(folder), place_of(root / folder.name)
    if info.status == "running":
        raise InputError(f"{folder}: is running", "copy it when it is finished; a killed run goes on with run --resume")
    if not is_run_folder(copy.folder):
        create_run(root, info)
    there = copy.categories()
    for name in source.categories():
        if name not in there or copy.fingerprint(name) != source.fingerprint(name):
            with source.reading(name) as content:
                copy.write(name, partial(shutil.copytree, content, dirs_exist_ok=True), keep_rest=False)
    write_run(copy.folder, info)
    return copy.folder


def discard(folder: Path) -> Path:
    """Move a run to the trash beside it; where it is then."""
    return place_of(folder).discard(folder.parent / _TRASH)


def category_fingerprint(folder: Path, category: str) -> str:
    """A hash of all files of a category: equal means unchanged."""
    return place_of(folder).fingerprint(files.folder_name(category))


def _content(info: RunInfo) -> bytes:
    return files.json_bytes({"format": FORMAT, **asdict(info)})


def _is_category_name(name: str) -> bool:
    """Whether ``write_category`` could have given a folder this name."""
    try:
        return files.folder_name(files.text_of(name)) == name
    except (InputError, UnicodeDecodeError):
        return False


def _without_init(error: TypeError) -> str:
    return str(error).replace("RunInfo.__init__()", "run.json").replace("Render.__init__()", "render")
