"""Careful reading and writing of small files: strict JSON in, whole files out, names that stay in their folder."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import secrets
import stat
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from promptad_db.errors import InputError
from promptad_db.limits import DEEPEST_JSON, LARGEST_TEXT
from promptad_db.storage import is_remote, read_object, write_object

if TYPE_CHECKING:
    from pathlib import Path

_READABLE = " !#$&'()+,;=@[]{}"
_LONGEST_NAME = 200
_OWN_FILES = ("run.json", "manifest.json", "complete.json")
_OWN_MARKS = (".tmp-", ".old-")
SEAL = "sha256"
"""The field of a JSON object with the SHA-256 of the others."""


def require_file(path: Path, largest: int | None = None) -> None:
    """InputError for what is no plain file of at most ``largest`` bytes: reading a pipe or a device could never end."""
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path}: cannot be read (Is a directory)")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path}: not a plain file")
    if largest is not None and found.st_size > largest:
        raise InputError(f"{path}: larger than {largest >> 20} MiB, too large to be read")


def require_own(path: Path) -> None:
    """InputError for a link: what is in a run folder is in that folder, and nowhere else."""
    if path.is_symlink():
        raise InputError(f"{path}: a link; a run folder holds its files itself")


def own_names(folder: Path) -> set[str]:
    """The names in a folder of a run; InputError for a link among them."""
    names = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                require_own(folder / entry.name)
            names.add(entry.name)
    return names


def read_text(path: Path) -> str:
    """A small text file in UTF-8, with or without a byte order mark; InputError names the file."""
    try:
        return _read_small(path).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error


def read_json(path: Path, largest: int = LARGEST_TEXT, *, allow_nan: bool = False) -> Any:
    """The content of a JSON file of at most ``largest`` bytes; NaN, infinities, broken or endless files are an InputError
    that names the file. With ``allow_nan`` NaN and infinities are floats, for whoever leaves them out one by one.
    """
    try:
        content = _read_small(path, largest)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return parse_json(path, content, allow_nan=allow_nan)


def parse_json(path: Path, content: bytes, *, allow_nan: bool = False) -> Any:
    """The content of the JSON that was read from a file or an object; InputError as ``read_json``."""
    constants, floats = (float, float) if allow_nan else (_refuse_constant, _finite_float)
    try:
        parsed = json.loads(content, parse_constant=constants, parse_float=floats)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid JSON ({error.msg} at line {error.lineno})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply") from error
    except _NotANumberError as error:
        raise InputError(f"{path}: holds {error}, which is not a number") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    require_shallow(path, parsed)
    return parsed


def json_bytes(content: Any) -> bytes:
    """The bytes of a JSON file; ValueError for NaN and infinities."""
    return (json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def sealed_bytes(content: dict[str, Any]) -> bytes:
    """The bytes of a JSON object that carries the SHA-256 of the rest, for ``read_sealed``."""
    return json_bytes({**content, SEAL: _seal_of(json.loads(json_bytes(content)))})


def read_sealed(path: Path, hint: str = "") -> dict[str, Any]:
    """The JSON object that ``sealed_bytes`` made a file of; InputError as ``read_json`` and ``unsealed``."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no object")
    return unsealed(path, content, hint)


def unsealed(path: Path, content: dict[str, Any], hint: str = "") -> dict[str, Any]:
    """A sealed object without its hash; InputError, with a hint, when that is not the hash of the rest any more.

    One without a hash, as older versions wrote it, is taken as it is.
    """
    rest = {name: value for name, value in content.items() if name != SEAL}
    if SEAL in content and content[SEAL] != _seal_of(rest):
        message = f"{path}: damaged, or changed by hand: the SHA-256 in it is not that of the rest"
        raise InputError(message, hint or "bring back a copy")
    return rest


def _seal_of(content: dict[str, Any]) -> str:
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(plain.encode(errors="surrogatepass")).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, or an object of a store, that is there whole or not at all."""
    if is_remote(path):
        write_object(path, content)
        return
    temporary = temporary_name(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def sync(*paths: Path) -> None:
    """Bring files and folders to the disk, so that they outlast a power failure; some file systems sync no folders."""
    for path in paths:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
                raise
        finally:
            os.close(opened)


def temporary_name(path: Path) -> Path:
    """A hidden name beside ``path`` that no other process uses."""
    return path.with_name(f".{path.name[:_LONGEST_NAME]}.tmp-{secrets.token_hex(6)}")


def sha256_of(*paths: Path) -> str:
    """One hash over the names and bytes of files, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def folder_name(name: str) -> str:
    """A free text as a file name that stays in its folder; ``text_of`` is its inverse.

    Names that a run folder uses itself, in any case, are quoted, those that begin with a dot, and whatever is not ASCII:
    no file system takes two of them for one but for their case. Raises InputError for a name that is blank, too long, or
    holds half a character.
    """
    quoted = older_folder_name(name)
    if quoted.lower() in _OWN_FILES:
        quoted = f"%{ord(quoted[0]):02X}{quoted[1:]}"
    for mark in _OWN_MARKS:
        quoted = quoted.replace(mark, f"%2E{mark[1:]}")
    if len(quoted) > _LONGEST_NAME:
        raise InputError(f"the name {name[:40]!r}... is too long for a folder: {len(quoted)} bytes of {_LONGEST_NAME}")
    return quoted


def older_folder_name(name: str) -> str:
    """As ``folder_name`` of the versions that did not yet quote the names that a run folder uses itself."""
    if not name.strip():
        raise InputError("an empty name cannot become a folder")
    try:
        quoted = quote(name, safe=_READABLE)
    except UnicodeEncodeError as error:
        raise InputError(f"the name {name[:40]!r} holds half a character") from error
    return f"%{ord(quoted[0]):02X}{quoted[1:]}" if quoted[0] in ". " else quoted


def text_of(folder: str) -> str:
    """The free text that ``folder_name`` made a folder of."""
    return unquote(folder, errors="strict")


def is_text(value: object) -> bool:
    """Whether a value is a text that can be stored: without NUL, and without half a character, which UTF-8 cannot write."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_shallow(path: object, content: Any) -> None:
    """InputError, which names ``path``, for lists and objects within each other too deeply."""
    level = [content]
    for _ in range(DEEPEST_JSON):
        nested = (
            value.values() if isinstance(value, dict) else value for value in level if isinstance(value, dict | list)
        )
        level = [item for items in nested for item in items if isinstance(item, dict | list)]
        if not level:
            return
    raise InputError(f"{path}: nested too deeply")


def _read_small(path: Path, largest: int = LARGEST_TEXT) -> bytes:
    if is_remote(path):
        return read_object(path, largest)
    require_file(path, largest)
    return path.read_bytes()


class _NotANumberError(ValueError):
    pass


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NotANumberError(text[:20])
    return value


def _refuse_constant(constant: str) -> Any:
    raise _NotANumberError(constant)
