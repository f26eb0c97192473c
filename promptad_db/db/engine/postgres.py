"""PostgreSQL, for a database that many people and machines write to at once.

Our writers wait for each other by advisory locks, which end with their transaction: migrations and a rebuild are alone,
and of the others two wait only where both write the same run.
"""

from __future__ import annotations

import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from promptad_db.errors import DatabaseError, DatabaseLockedError, UsageError
from promptad_db.storage.lock import lock_timeout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.db.engine.backend import Question, Transactions
    from promptad_db.db.guard.bounds import Bounds

EXAMPLE = "postgresql+psycopg://USER@HOST/DATABASE"

_SCHEMES = ("postgresql+psycopg", "postgresql", "postgres")
_SECRETS = ("password", "sslpassword")
_DEFAULTS = {"application_name": "promptad-db", "client_encoding": "utf8", "connect_timeout": "15"}
_LOCKS = 0x50414442  # the key space of our advisory locks
_DATABASE = 0  # the key of the whole database; runs have those above it
_RUN_KEYS = 256  # a server has room for some thousand locks in all
_CANCEL_SECONDS = 5.0
_WATCH = 1000  # milliseconds between two looks of the server whether whoever asked is still there


@dataclass(frozen=True)
class PostgresDatabase:
    """A database on a server; see Backend."""

    url: sa.URL = field(repr=False)
    run_by_run: ClassVar[bool] = True

    @classmethod
    def at(cls, address: str) -> PostgresDatabase:
        """The database of an address; DatabaseError when it is none of PostgreSQL, UsageError without psycopg."""
        try:
            url = sa.make_url(address)
        except (sa.exc.ArgumentError, ValueError):  # whose texts may hold a password
            raise DatabaseError("the address of the database cannot be read", f"its form is {EXAMPLE}") from None
        if url.drivername not in _SCHEMES or not url.database:
            raise DatabaseError(
                f"{_without_secrets(url)}: only DuckDB files and PostgreSQL databases are supported",
                f"give --db the path of a DuckDB file, or {EXAMPLE}",
            )
        try:
            import psycopg  # noqa: F401 - whether it is there
        except ImportError as error:
            raise UsageError("PostgreSQL needs the driver psycopg", "pip install 'promptad-db[postgres]'") from error
        return cls(url.set(drivername=_SCHEMES[0]))

    def __str__(self) -> str:
        return _without_secrets(self.url)

    def exists(self) -> bool:
        return True

    @contextmanager
    def reading(self, *, guarded: Bounds | None = None) -> Iterator[sa.Connection]:
        # Our own reports fill temporary tables, which PostgreSQL makes in no read-only transaction; it is rolled back.
        mode = "ISOLATION LEVEL REPEATABLE READ" + (", READ ONLY" if guarded else "")
        with self._connected() as connection, connection.begin() as transaction:
            connection.exec_driver_sql(f"SET TRANSACTION {mode}")
            _settle(connection)
            if guarded:
                _bound(connection, guarded)
            yield connection
            transaction.rollback()

    @contextmanager
    def transactions(self, *, alone: bool = False) -> Iterator[Transactions]:
        share = "" if alone else "_shared"
        with self._connected() as connection:

            @contextmanager
            def transaction() -> Iterator[sa.Connection]:
                with connection.begin():
                    _settle(connection)
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{share}({_LOCKS}, {_DATABASE})")
                    yield connection

            yield transaction

    def hold(self, connection: sa.Connection, run_ids: Sequence[str]) -> None:
        keys = sorted({1 + zlib.crc32(run_id.encode()) % _RUN_KEYS for run_id in run_ids})
        for key in keys:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCKS}, {key})")

    def judged(self, connection: sa.Connection, question: Question) -> Question:
        from promptad_db.db.guard.postgres import judged

        driver = connection.connection.driver_connection
        assert driver is not None
        sql, streams = judged(driver, question.sql, question.values)
        driver.prepare_threshold = 0  # what is prepared is one statement
        return replace(question, sql=sql, options={"stream_results": streams})

    def interrupt(self, connection: sa.Connection) -> None:
        import psycopg

        driver = connection.connection.driver_connection
        assert driver is not None
        with suppress(psycopg.Error):  # the statement ended by itself
            driver.cancel_safe(timeout=_CANCEL_SECONDS)

    def export(self, connection: sa.Connection, name: str, file: Path, *, file_format: str) -> None:
        from promptad_db.db.engine.arrow import stream, write_file

        write_file(stream(connection, name), file, file_format)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        import psycopg

        engine = sa.create_engine(self.url.update_query_dict({**_DEFAULTS, **self.url.query}), poolclass=NullPool)
        try:
            try:
                connection = engine.connect()
            except (sa.exc.DBAPIError, psycopg.Error) as error:
                reason = _reason(error)
                raise DatabaseError(f"{self}: cannot connect ({reason})", _mend(reason)) from error
            with connection:
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.adapters.register_loader("numeric", _number_loader())
                yield connection
        except (sa.exc.DBAPIError, psycopg.Error) as error:
            raise self._explained(error) from error
        finally:
            engine.dispose()

    def _explained(self, error: Exception) -> DatabaseError:
        reason, state = _reason(error), getattr(_cause(error), "sqlstate", None)
        if state == "55P03":
            return DatabaseLockedError(
                f"{self}: locked by another process for more than {lock_timeout():g} s",
                "try again, or wait longer with PROMPTAD_LOCK_TIMEOUT=SECONDS",
            )
        if state == "42501":
            return DatabaseError(
                f"{self}: this role may not do that ({reason})",
                "give --db the address with a role that may; docs/postgresql.md has the SQL that makes them",
            )
        return DatabaseError(
            f"{self}: PostgreSQL cannot go on ({reason})", "nothing of this step is stored; try it again"
        )


def _cause(error: Exception) -> BaseException:
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error


def _reason(error: Exception) -> str:
    said = str(_cause(error)).strip().splitlines() or [type(error).__name__]
    return said[0].replace("connection failed: ", "")[:300]


def _mend(reason: str) -> str:
    """What helps against a refused connection."""
    mends = {
        "password": "give the password by PGPASSWORD, in ~/.pgpass, or in the address",
        "does not exist": "createdb makes a database, CREATE ROLE a role; then promptad-db init",
        "too many": "try again when others are done",
    }
    return next(
        (mend for word, mend in mends.items() if word in reason), "is the server running, and the address right?"
    )


def _settle(connection: sa.Connection) -> None:
    """Wait for locks no longer than we are told to, and compile no query of ours: they are too short for that."""
    milliseconds = max(1, round(1000 * lock_timeout()))
    connection.exec_driver_sql(
        f"SET LOCAL lock_timeout = {milliseconds}; SET LOCAL jit = off; SET LOCAL standard_conforming_strings = on"
    )


def _bound(connection: sa.Connection, bounds: Bounds) -> None:
    """Have the server itself end a query, also when nobody is left who would, and keep it from filling the disk."""
    milliseconds = 0 if bounds.seconds is None else max(1, round(1000 * bounds.seconds))
    connection.exec_driver_sql(
        f"SET LOCAL statement_timeout = {milliseconds}; SET LOCAL client_connection_check_interval = {_WATCH}"
    )
    connection.exec_driver_sql(
        f"SELECT set_config('temp_file_limit', '{bounds.memory // 1024}', true) WHERE "
        "has_parameter_privilege('temp_file_limit', 'SET') AND current_setting('temp_file_limit') = '-1'"
    )


def _without_secrets(url: sa.URL) -> str:
    return url._replace(password=None).difference_update_query(_SECRETS).render_as_string()


def _number_loader() -> type:
    """Sums and averages of whole numbers as DuckDB gives them: int, and float where there are decimals."""
    from psycopg.adapt import Loader

    class NumberLoader(Loader):
        def load(self, data: Any) -> int | float:
            text = bytes(data)
            return int(text) if text.lstrip(b"-").isdigit() else float(text)

    return NumberLoader
