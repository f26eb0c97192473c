"""Why a file is not taken: what it is instead, and what to do about it."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from promptad_db.errors import InputError
from promptad_db.ingestion.readers import long_table
from promptad_db.ingestion.readers.table_files import CONVERT, NOT_UTF8, is_json, is_parquet, is_separated, unpacked
from promptad_db.storage.files import read_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NUL = "holds NUL bytes: UTF-16 without a byte order mark, or no text"
CONVERT_UTF16 = "convert it, for example: iconv -f UTF-16LE -t UTF-8 scores.csv > utf8.csv"
UNKNOWN = "not a result file of a known format"
_SHOWN = 10
_HEAD = 1 << 16

_ARCHIVE = "packed: unpack it first"
_ARRAYS = "arrays without names: write a long table, or log them with promptad_db.start_run"
_MAP = "an image: anomaly maps are given by --branch NAME=DIR and --data-root"
_TABLE = "a table of another program: save it as CSV or Parquet"
TABLES = (".xlsx", ".xls", ".ods", ".feather", ".arrow", ".orc", ".h5", ".hdf5", ".jsonl", ".ndjson")
ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".gz", ".bz2", ".xz", ".zst")
_REASONS = {
    **dict.fromkeys(TABLES, _TABLE),
    **dict.fromkeys(ARCHIVES, _ARCHIVE),
    **dict.fromkeys((".npy", ".npz", ".pt", ".pth", ".pkl", ".pickle"), _ARRAYS),
    **dict.fromkeys((".tiff", ".tif", ".png", ".bmp", ".jpg", ".jpeg"), _MAP),
}


def why_unreadable(path: Path) -> str | None:
    """Why a file of a known suffix cannot be read at all, None when it can and is merely about something else."""
    if not (is_json(path) or is_separated(path) or is_parquet(path)):
        return "a long table\n  name it scores.csv" if long_table.is_named_otherwise(path) else None
    try:
        if path.stat().st_size == 0:
            return "empty file"
        if is_json(path):
            read_json(path, allow_nan=True)
        elif is_separated(path):
            _check_text(path)
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    except (OSError, ValueError) as error:
        return f"cannot be read ({(str(error).splitlines() or [''])[0][:120]})"
    return None


def _check_text(path: Path) -> None:
    """InputError for a file that does not begin as text in UTF-8 or UTF-16 does."""
    with unpacked(path) as file:
        raw = file.read(_HEAD)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)  # the head may end within a character
    except UnicodeDecodeError as error:
        raise InputError(NOT_UTF8, CONVERT) from error
    if b"\0" in raw:
        raise InputError(NUL, CONVERT_UTF16)


def why_not_taken(path: Path) -> str:
    """What a file that no reader knows is instead."""
    if is_separated(path) or is_parquet(path):
        return f"{UNKNOWN}: {long_table.lacking(path)}"
    return _REASONS.get(path.suffix.lower(), UNKNOWN)


def nearly_taken(path: Path) -> bool:
    """Whether a table that no reader knows holds scores of images."""
    return (is_separated(path) or is_parquet(path)) and long_table.is_near(path)


def listed(files: Sequence[tuple[Path, str]]) -> str:
    """Files with the reason of each, a line a file; of many the first."""
    lines = [f"{path}: {reason}" for path, reason in files[:_SHOWN]]
    more = [f"and {len(files) - _SHOWN} more"] if len(files) > _SHOWN else []
    return "".join(f"\n  {line}" for line in [*lines, *more])
