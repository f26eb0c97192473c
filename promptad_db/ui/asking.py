"""A query that somebody typed, asked by a process of its own, which is ended when it takes too long."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.db import open_db
from promptad_db.errors import PromptadError, QueryError
from promptad_db.result_set import ResultSet
from promptad_db.tables.grid import shortened

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from promptad_db.db.engine.connect import Where

LIMIT = 1000
SECONDS = 30.0
MEMORY = 2 << 30
LONGEST_CELL = 2000
"""Characters of one cell."""
LARGEST_ANSWER = 4 << 20
"""Characters of all cells."""
AT_ONCE = 3
"""Queries that are asked at the same time; others wait for them."""
_GRACE = 15.0  # seconds in which the process starts, and ends its query by itself when the time is over
_OF_A_CELL = 20  # characters that a page needs around each
_turns = threading.BoundedSemaphore(AT_ONCE)


def ask(database: Where, query: str, *, seconds: float = SECONDS) -> ResultSet:
    """At most LIMIT rows of one query under the guard of ``promptad-db sql``; QueryError when it takes longer.

    Long cells are cut and say so, and so is an answer that is too large for a page. A process of its own can be
    ended also when memory ran out or a function does not check for interruption; PostgreSQL has ended its part by then.
    """
    if not _turns.acquire(timeout=seconds):
        raise QueryError(f"{AT_ONCE} other queries are being asked", "wait for them, and ask again")
    try:
        answer = _answer_of_process(database, query, seconds)
    finally:
        _turns.release()
    if isinstance(answer, PromptadError):
        raise answer
    assert isinstance(answer, ResultSet)
    return answer


def _answer_of_process(database: Where, query: str, seconds: float) -> Any:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, database, query, seconds), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(seconds + _GRACE):
            raise QueryError(f"the query took longer than {seconds:g} s and was ended", "ask promptad-db sql")
        return ours.recv()
    except EOFError as error:
        raise QueryError("the query ended without an answer", "it may need too much memory; ask for less") from error
    finally:
        process.kill()
        process.join()
        ours.close()


def _answer(pipe: Connection, database: Where, query: str, seconds: float) -> None:
    try:
        pipe.send(for_a_page(open_db(database, timeout=seconds, memory=MEMORY).query(query, limit=LIMIT)))
    except PromptadError as error:
        error.__cause__ = error.__context__ = None
        pipe.send(error)


def for_a_page(result: ResultSet) -> ResultSet:
    """The rows, as many as a page holds, with long cells cut."""
    room = LARGEST_ANSWER - sum(len(name) + _OF_A_CELL for name in result.columns)
    rows = []
    for row in result.rows:
        cells = tuple(shortened(value, LONGEST_CELL) for value in row)
        room -= sum(_OF_A_CELL + (len(cell) if isinstance(cell, str) else 0) for cell in cells)
        if room < 0:
            break
        rows.append(cells)
    if result.rows and not rows:
        raise QueryError("one row of the answer is too large for a page", "ask for fewer columns, or promptad-db sql")
    return replace(result, rows=rows, cut=result.cut or len(rows) < len(result.rows))
