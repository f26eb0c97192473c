"""What a file that was given as the database is instead, and why DuckDB does not open it."""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
from typing import TYPE_CHECKING

from promptad_db.errors import DamagedDatabaseError, DatabaseError, DatabaseLockedError
from promptad_db.storage.lock import lock_paths

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

_HEAD = 4096
_SIGNATURES = {
    b"SQLite format 3\0": "an SQLite database, such as MLflow writes",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x93NUMPY": "a NumPy file",
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "a zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"PGDMP": "a dump of PostgreSQL",
    b"%PDF-": "a PDF file",
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
}
_TAR = slice(257, 262)
_MAGIC, _WRITER = slice(8, 12), slice(52, 84)  # of DuckDB's main header: DUCK, and the version that wrote it
_VERSION = re.compile(rb"v\d+\.\d+")
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
# How the errors of DuckDB begin that say nothing of damage; each has a class of its own only together with many others.
_LOCKED = "IO Error: Could not set lock on file"
_REFUSED = "IO Error: Cannot open file"
_NEWER = "IO Error: Trying to read a database file with version number"
_ENCRYPTED = "Cannot open encrypted database"


def check_file(path: Path) -> None:
    """Raise DatabaseError where something else than a database is at ``path``; nothing at all is no error.

    A file beside which our lock files are was a database of ours, whatever became of it: it is not looked into, for
    closing it would drop the lock that DuckDB has on it in another thread.
    """
    _check_plain(path)
    if path.exists() and not lock_paths(path)[0].exists():
        check_content(path)
        if not _was_duckdb(_head(path)):
            raise DatabaseError(f"{path}: not a DuckDB file", _if_it_was(path))


def check_content(path: Path) -> None:
    """Raise DatabaseError where a file begins as those of another program do, DamagedDatabaseError where it is empty."""
    try:
        head = _head(path)
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be read ({error.strerror})", _may_use(path)) from error
    if not any(head):
        what = "holds nothing but zeros" if head else "an empty file"
        raise DamagedDatabaseError(f"{path}: {what}, not a DuckDB file", _rebuild(path))
    kind = _foreign_kind(head)
    if kind:
        raise DatabaseError(f"{path}: {kind}, not a DuckDB file", "give --db the path of another file")


def explained(path: Path, error: sa.exc.DBAPIError) -> DatabaseError:
    """Why DuckDB did not open a file; DamagedDatabaseError when the file itself is to blame."""
    import duckdb

    reason = reason_of(error)
    if isinstance(error.orig, duckdb.IOException) and reason.startswith(_LOCKED):
        return DatabaseLockedError(
            f"{path}: open in another program, which keeps it locked",
            "close that program (a DuckDB shell, a notebook), then try again",
        )
    try:
        check_content(path)
    except DatabaseError as other:
        return other
    return _undamaged(path, error, reason) or DamagedDatabaseError(
        f"{path}: DuckDB cannot open it ({reason})" if _was_duckdb(_head(path)) else f"{path}: not a DuckDB file",
        f"give another --db; or, {_rebuild(path)}",
    )


def _undamaged(path: Path, error: sa.exc.DBAPIError, reason: str) -> DatabaseError | None:
    """Why DuckDB did not open a file that may well be whole."""
    import duckdb

    if reason.startswith(_REFUSED) or not os.access(path, os.R_OK):
        return DatabaseError(f"{path}: DuckDB may not open it ({reason})", _may_use(path))
    if reason.startswith(_NEWER):
        return DatabaseError(
            f"{path}: written by a newer DuckDB than the {duckdb.__version__} that is installed here",
            "upgrade the package: pip install -U promptad-db; or export it with the DuckDB that wrote it",
        )
    if _ENCRYPTED in reason:
        return DatabaseError(f"{path}: an encrypted DuckDB file ({reason})", "give --db one that is not encrypted")
    if is_short_of_resources(error):
        return DatabaseError(f"{path}: DuckDB cannot open it ({reason})", "make room in memory or on the disk")
    return None


def is_short_of_resources(error: sa.exc.DBAPIError) -> bool:
    """Whether an error of DuckDB is about memory, or about the query being ended, and not about the file."""
    import duckdb

    return isinstance(error.orig, duckdb.OutOfMemoryException | duckdb.InterruptException)


def reason_of(error: sa.exc.DBAPIError) -> str:
    """DuckDB's own words, the first line."""
    return (str(error.orig).splitlines() or [type(error.orig).__name__])[0][:1000]


def _check_plain(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return
        raise DatabaseError(f"{path}: cannot be opened ({error.strerror})", _may_use(path)) from error
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a device")
        raise DatabaseError(f"{path}: {kind}, not a database file", "give --db the path of a file")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _was_duckdb(head: bytes) -> bool:
    """Whether a file begins as a DuckDB database does, with a flipped bit or two."""
    return head[_MAGIC] == b"DUCK" or _VERSION.match(head[_WRITER]) is not None


def _foreign_kind(head: bytes) -> str | None:
    if _was_duckdb(head):  # it begins with a checksum, which may look like anything
        return None
    kinds = (kind for signature, kind in _SIGNATURES.items() if head.startswith(signature))
    return next(kinds, "a tar archive" if head[_TAR] == b"ustar" else None)


def _rebuild(path: Path) -> str:
    return (
        f"if the file is damaged, make it again from the run folders: promptad-db rebuild --db {shlex.quote(str(path))}"
    )


def _if_it_was(path: Path) -> str:
    return (
        "give another --db; or, if this was the database, move it away, then: "
        f"promptad-db rebuild --db {shlex.quote(str(path))}"
    )


def _may_use(path: Path) -> str:
    return f"see that you may read and write it: ls -l {shlex.quote(str(path))}"
