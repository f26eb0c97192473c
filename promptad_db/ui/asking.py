"""A query that somebody typed, asked by a process of its own, which is ended when it takes too long."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

from promptad_db.db import open_db
from promptad_db.errors import PromptadError, QueryError
from promptad_db.result_set import ResultSet

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from promptad_db.db.connect import Where

LIMIT = 1000
SECONDS = 30.0


def ask(database: Where, query: str, *, seconds: float = SECONDS) -> ResultSet:
    """At most LIMIT rows of one query under the guard of ``promptad-db sql``; QueryError when it takes longer.

    Guarded and other connections to one file cannot be open in the same process, and a query cannot be ended from
    outside: hence the process.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, database, query), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds):
            raise QueryError(f"the query took longer than {seconds:g} s and was ended", "ask promptad-db sql")
        answer: Any = ours.recv()
    except EOFError as error:
        raise QueryError("the query ended without an answer", "it may need too much memory; ask for less") from error
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(answer, PromptadError):
        raise answer
    assert isinstance(answer, ResultSet)
    return answer


def _answer(pipe: Connection, database: Where, query: str) -> None:
    try:
        pipe.send(open_db(database).query(query, limit=LIMIT))
    except PromptadError as error:
        error.__cause__ = None
        pipe.send(error)
