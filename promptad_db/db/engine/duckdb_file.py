"""DuckDB, the embedded default: one file, opened, worked with and closed again under the lock file beside it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from promptad_db.db.engine.backend import COPY_OPTIONS
from promptad_db.db.engine.file_errors import check_content, check_file, explained, is_short_of_resources, reason_of
from promptad_db.errors import DamagedDatabaseError, DatabaseError
from promptad_db.storage.lock import Backoff, locked
from promptad_db.storage.staging import staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.db.engine.backend import Question, Transactions
    from promptad_db.db.guard.bounds import Bounds

_QUICK = {"preserve_insertion_order": False}  # every query of ours has an ORDER BY where order matters
_GUARD = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "lock_configuration": True,
    "temp_directory": "",  # a query that is too large for the memory fails, and does not fill the disk
}
_AS_IT_IS = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
_AGAIN = 0.05  # seconds
_at_work: dict[int, Any] = {}  # the connections of this process
_OTHER_GUARDS = "different configuration"  # in DuckDB's words: a process has one configuration of a file at a time


@dataclass(frozen=True)
class DuckDBFile:
    """A database in a file; see Backend."""

    path: Path
    run_by_run: ClassVar[bool] = False

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)

    def exists(self) -> bool:
        return self.path.exists()

    @contextmanager
    def reading(self, *, guarded: Bounds | None = None) -> Iterator[sa.Connection]:
        self._check_exists()
        config = {**_GUARD, "memory_limit": f"{guarded.memory // 2} bytes"} if guarded else _QUICK
        with (
            locked(self.path, exclusive=False),
            _connected(self.path, read_only=True, config=config) as connection,
        ):
            yield connection

    @contextmanager
    def reading_locked(self) -> Iterator[sa.Connection]:
        """As ``reading``, for who holds the lock already."""
        self._check_exists()
        with _connected(self.path, read_only=True) as connection:
            yield connection

    @contextmanager
    def writing_locked(self) -> Iterator[sa.Connection]:
        """One transaction in a file that is there, for who holds the lock alone already."""
        with _connected(self.path, read_only=False) as connection, connection.begin():
            yield connection

    @contextmanager
    def transactions(self, *, alone: bool = False) -> Iterator[Transactions]:  # noqa: ARG002 - a writer always is
        yield self._transaction

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseError(f"{self.path}: its folder cannot be made ({error.strerror})") from error
        check_file(self.path)
        with locked(self.path, exclusive=True):
            if not self.path.exists():
                _create_whole(self.path)
            with self.writing_locked() as connection:
                yield connection

    def hold(self, connection: sa.Connection, run_ids: Sequence[str]) -> None:
        """A writer has the file alone."""

    def judged(self, connection: sa.Connection, question: Question) -> Question:
        from promptad_db.db.guard.duckdb import judged

        return replace(question, sql=judged(connection.connection.driver_connection, question.sql))

    def interrupt(self, connection: sa.Connection) -> None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.interrupt()

    def export(self, connection: sa.Connection, name: str, file: Path, *, file_format: str) -> None:
        quoted = str(file).replace("'", "''")
        connection.exec_driver_sql(f"COPY (SELECT * FROM {name}) TO '{quoted}' ({COPY_OPTIONS[file_format]})")  # noqa: S608

    def _check_exists(self) -> None:
        if not self.path.exists():
            raise DatabaseError(
                f"{self.path}: no database here", "promptad-db ingest PATH makes one, or give another --db"
            )
        check_file(self.path)


def interrupt() -> None:
    """End the queries of this process that run now, with an error, and wait until they have; for another thread."""
    for key in tuple(_at_work):
        _interrupt_until_closed(key)


def _interrupt_until_closed(key: int) -> None:
    """What cleans up after a query waits for it as well, and forgets that it was interrupted: so again and again."""
    import duckdb

    while driver := _at_work.get(key):
        with suppress(duckdb.Error):  # it is closed
            driver.interrupt()
        time.sleep(_AGAIN)


@contextmanager
def _connected(path: Path, *, read_only: bool, config: dict[str, Any] | None = None) -> Iterator[sa.Connection]:
    if not read_only and path.exists():
        check_content(path)  # DuckDB would look at a Parquet file through an empty database in memory
    arguments: dict[str, Any] = {"read_only": read_only, "config": {**_AS_IT_IS, **(config or {})}}
    address = sa.URL.create("duckdb", database=str(path))
    engine = sa.create_engine(address, poolclass=NullPool, pool_reset_on_return=None, connect_args=arguments)
    try:
        with _connection(engine, path) as connection:
            _at_work[id(engine)] = connection.connection.driver_connection
            try:
                yield connection
            except (KeyboardInterrupt, RuntimeError) as error:
                if _is_ctrl_c(error):
                    threading.Thread(target=_interrupt_until_closed, args=(id(engine),), daemon=True).start()
                raise
    except sa.exc.DBAPIError as error:
        damaged = read_only and not is_short_of_resources(error)
        raise (DamagedDatabaseError if damaged else DatabaseError)(
            f"{path}: DuckDB cannot work with it ({reason_of(error)})",
            "nothing of this step is stored; where the disk or the memory is full, make room and try again",
        ) from error
    except RuntimeError as error:
        if _is_ctrl_c(error):
            raise KeyboardInterrupt from error
        raise
    finally:
        _at_work.pop(id(engine), None)
        engine.dispose()


def _is_ctrl_c(error: BaseException) -> bool:
    """Whether it is Ctrl-C, also as DuckDB tells of it."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)


def _connection(engine: sa.Engine, path: Path) -> sa.Connection:
    """A new connection; where another thread has the file open with other guards, once that is closed."""
    backoff = Backoff()
    while True:
        try:
            return engine.connect()
        except sa.exc.DBAPIError as error:
            if _OTHER_GUARDS not in str(error.orig) or not backoff.wait():
                raise explained(path, error) from error


def _create_whole(path: Path) -> None:
    """Make an empty database of the current schema beside ``path``, then move it there."""
    from promptad_db.db.engine.schema import upgrade

    with beside(path) as temporary:
        with _connected(temporary, read_only=False) as connection, connection.begin():
            upgrade(connection)
        write_out(temporary)
        temporary.replace(path)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Where a new file that is to replace ``path`` is made; what goes wrong with it is told of ``path``."""
    try:
        with staged(path) as temporary:
            try:
                yield temporary
            except DatabaseError as error:
                if str(temporary) not in error.args[0]:
                    raise
                message = error.args[0].replace(str(temporary.resolve()), str(path))  # as DuckDB names its own files
                raise DatabaseError(
                    message.replace(str(temporary), str(path)),
                    f"what was at {path} before is as it was; where the disk or the memory is full, make room and try again",
                ) from error
    except OSError as error:
        raise DatabaseError(
            f"{path}: cannot be made ({error.strerror})", f"see that {path.parent} can be written and is not full"
        ) from error


def write_ahead_log(path: Path) -> Path:
    """The file beside a database that holds what is committed and not yet in it."""
    return path.with_name(path.name + ".wal")


def write_out(path: Path) -> None:
    """Bring all of a database into its file, before it is moved: closing does, but says nothing where the disk is full."""
    with _connected(path, read_only=False) as connection:
        connection.exec_driver_sql("CHECKPOINT")
