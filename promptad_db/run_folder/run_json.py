"""What run.json may say: the declared fields, and what no declaration of one field can say."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from promptad_db.errors import InputError
from promptad_db.limits import EARLIEST_YEAR, LARGEST_PICTURE, LATEST_YEAR
from promptad_db.records import RUN_ID_PATTERN, ModelNames, Render, RunInfo, SourceNames
from promptad_db.schema import conform, shown
from promptad_db.storage import files

if TYPE_CHECKING:
    from collections.abc import Mapping


import secrets
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from promptad_db.limits import LARGEST_RUN_FILE
from promptad_db.run_folder.places import RUN_FILE, changing
from promptad_db.storage import is_remote

if TYPE_CHECKING:
    from pathlib import Path


_DETAILS = ("model", "config", "environment", "source")
_LONGEST_RUN_ID = 200


def checked_run_id(run_id: object, where: object) -> str:
    """The id; InputError for one that could leave the folder ``where``, or that no file system takes."""
    if (
        not isinstance(run_id, str)
        or len(run_id) > _LONGEST_RUN_ID
        or not re.fullmatch(RUN_ID_PATTERN.strip("^$"), run_id)
    ):
        raise InputError(f"{where}: run id {shown(run_id)} is not safe as a file name")
    return run_id


def run_of(content: Mapping[str, Any], path: object) -> RunInfo:
    """The run that a run.json describes; InputError names ``path``, the field and what is right.

    Fields that are not known are passed over: a newer version may have added them.
    """
    info: RunInfo = conform(content, RunInfo, path)
    checked_run_id(info.run_id, path)
    conform(info.model, ModelNames, path, "model")
    conform(info.source, SourceNames, path, "source")
    for name in ("created_at", "finished_at"):
        if getattr(info, name) is not None and not _is_time(getattr(info, name)):
            raise InputError(
                f"{path}: {name}: must be an ISO 8601 time with its zone, in the years {EARLIEST_YEAR} to {LATEST_YEAR}, "
                f"not {shown(getattr(info, name))}"
            )
    for name in _DETAILS:
        _check_details(path, name, getattr(info, name))
    if info.render is not None:
        _check_pixels(info.render, path)
    return info


def check_run(info: RunInfo, path: object) -> None:
    """InputError, which names ``path`` (a file, or the function that was called), for a run that could not be read back from its run.json."""
    render: object = info.render
    content = {**vars(info), "render": vars(render) if isinstance(render, Render) else render}
    run_of(content, path)


def check_render(render: Render, where: object) -> None:
    """InputError, which names ``where``, for a size or a Gaussian that maps cannot be rendered with."""
    conform(vars(render), Render, where, "render")
    _check_pixels(render, where)


def _check_pixels(render: Render, where: object) -> None:
    if render.height * render.width > LARGEST_PICTURE:
        raise InputError(
            f"{where}: render.height x render.width is {render.height} x {render.width}, "
            f"must be at most {LARGEST_PICTURE:,} pixels"
        )


def _is_time(text: str) -> bool:
    try:
        time = datetime.fromisoformat(text)
        return time.tzinfo is not None and EARLIEST_YEAR <= time.astimezone(UTC).year <= LATEST_YEAR
    except (OverflowError, ValueError):
        return False


def _check_details(path: object, name: str, details: dict[str, Any]) -> None:
    """Refuse what is no JSON, is nested too deeply to be read back, or has texts that cannot be stored."""
    try:
        files.require_shallow(path, details)
        text = json.dumps(details, allow_nan=False, ensure_ascii=False)
        text.encode()
    except InputError as error:
        raise InputError(f"{path}: {name}: nested too deeply") from error
    except (RecursionError, TypeError, ValueError) as error:
        raise InputError(f"{path}: {name}: cannot be written as JSON ({error})") from error
    if r"\u0000" in text and any("\0" in one for one in _texts(details)):
        raise InputError(f"{path}: {name}: holds a NUL character, which no database stores")


def _texts(details: Any) -> list[str]:
    """Every text in an object, its keys among them."""
    texts, left = [], [details]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            left += value
        elif isinstance(value, str):
            texts.append(value)
    return texts


FORMAT = 1


def now() -> str:
    """The time as run folders write it: UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_run_id(created_at: str, *, dataset: str, k_shot: int, seed: int | None, task: str, suffix: str = "") -> str:
    """An id that sorts by time, is safe as a file name, and can be read by people."""
    time = re.sub(r"[^0-9T]", "", created_at.split("+", maxsplit=1)[0])
    slug = re.sub(r"[^A-Za-z0-9]+", "-", dataset).strip("-")[:40] or "dataset"
    return f"{time}-{slug}-k{k_shot}-s{'x' if seed is None else seed}-{task}-{suffix or secrets.token_hex(4)}"


def write_run(folder: Path, info: RunInfo) -> None:
    """Write run.json, whole or not at all; InputError for what could not be read back."""
    files.write_bytes(folder / RUN_FILE, content_of(info, folder / RUN_FILE))
    if not is_remote(folder):
        files.sync(folder)


def update_run(folder: Path, **changes: Any) -> RunInfo:
    """Change fields of run.json and return what it says now."""
    with changing(folder):
        info = replace(read_run(folder), **changes)
        write_run(folder, info)
    return info


def read_run(folder: Path, *, changed: bool = False) -> RunInfo:
    """What run.json says; an InputError names the file and what is wrong with it.

    ``changed`` takes it also when it was edited by hand, and its hash is that of what it said before.
    """
    path = folder / RUN_FILE
    files.require_own(path)
    content = files.read_json(path, LARGEST_RUN_FILE)
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no object")
    stored_format = content.get("format")
    if stored_format != FORMAT:
        newer = isinstance(stored_format, int) and stored_format > FORMAT
        raise InputError(
            f"{path}: run folder format {stored_format!r}, this version reads format {FORMAT}",
            "upgrade the package: pip install -U promptad-db" if newer else "",
        )
    info = run_of(content, path)
    if not changed:
        files.unsealed(
            path,
            content,
            f"bring back a copy; or, if you changed it yourself: promptad-db verify --accept-changes {folder}",
        )
    if info.run_id != folder.name:
        raise InputError(f"{path}: is about run {info.run_id!r}, but its folder is {folder.name!r}")
    return info


def content_of(info: RunInfo, path: Path) -> bytes:
    check_run(info, path)
    content = files.sealed_bytes({"format": FORMAT, **asdict(info)})
    if len(content) > LARGEST_RUN_FILE:
        raise InputError(
            f"{path}: would be larger than {LARGEST_RUN_FILE >> 20} MiB", "keep what is large out of config"
        )
    return content
