"""What run.json may say: types, ranges and words that the rest of the house relies on."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

from promptad_db import files
from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_PICTURE
from promptad_db.records import PROTOCOLS, SELECTIONS, STATUSES, TASKS, Interpolation

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.records import Render, RunInfo

_SAFE_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


def checked_run_id(run_id: str, where: Path) -> str:
    """The id; InputError for one that could leave the folder ``where``, or that no file system takes."""
    if not _SAFE_RUN_ID.fullmatch(run_id):
        raise InputError(f"{where}: run id {run_id!r} is not safe as a file name")
    return run_id


def check_run(info: RunInfo, path: Path) -> None:
    """InputError, which names ``path``, for a run whose fields are not of their types and ranges."""
    checked_run_id(str(info.run_id), path)
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
