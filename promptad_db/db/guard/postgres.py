"""What somebody else's SQL may ask of PostgreSQL.

What a query is, the server itself says: it parses it (and does not run it) and sends the tree of what it understood, in
which every function stands by its number. So nothing depends on how a query is written, and no right is needed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from promptad_db.db.guard.leading_words import explain_of, first_word, shown_by
from promptad_db.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALLOWED = "begin it with SELECT, WITH, VALUES, TABLE, SHOW or EXPLAIN"

HARMLESS = frozenset(
    """
    clock_timestamp current_query gen_random_uuid pg_blocking_pids pg_database_size pg_indexes_size pg_is_in_recovery
    pg_lock_status pg_partition_ancestors pg_partition_tree pg_relation_size pg_sequence_last_value pg_sleep pg_sleep_for
    pg_sleep_until pg_table_size pg_tablespace_size pg_total_relation_size random random_normal timeofday uuidv4 uuidv7
    """.split()  # noqa: SIM905 - a list of twenty words
)
"""Volatile functions that change nothing, hold nothing and read no files but those of tables."""
REFUSED = frozenset(
    {
        *(f"{whole}_to_{form}" for whole in ("table", "schema", "database", "query", "cursor")
          for form in ("xml", "xmlschema", "xml_and_xmlschema")),
        *("fmgr_c_validator", "fmgr_internal_validator", "fmgr_sql_validator"),
        *("pg_available_extensions", "pg_available_extension_versions", "pg_extension_update_paths"),
        *("pg_tablespace_databases", "pg_tablespace_location"),
        *("pg_current_xact_id", "txid_current", "ts_rewrite", "ts_stat"),
    }
)  # fmt: skip
"""Functions that are not called volatile, but run a text as SQL, read the server's folders or take a transaction id."""

_PARSED = "parse tree:"  # in PostgreSQL's words, which it does not translate here
_SELECT = 1  # the number of that kind of statement in all versions
_FUNCTION_KEYS = (":funcid", ":opfuncid", ":aggfnoid", ":winfnoid")
_FIRST_OF_USERS = 16384  # below it are the numbers of PostgreSQL's own functions
_FUNCTIONS = "SELECT oid, proname, provolatile::text FROM pg_catalog.pg_proc WHERE oid = ANY(%s::oid[])"
_OPERATORS = "SELECT oprcode::oid FROM pg_catalog.pg_operator WHERE oid = ANY(%s::oid[])"
_SYSTEM_VIEWS = f"""
SELECT rule.ev_class, rule.ev_action::text
FROM pg_catalog.pg_rewrite AS rule
WHERE rule.ev_class = ANY(%s::oid[]) AND rule.ev_type = '1' AND rule.ev_class < {_FIRST_OF_USERS}
"""  # noqa: S608 - a number of our own


def judged(driver: Any, sql: str, values: Mapping[str, Any]) -> tuple[str, bool]:
    """The text to run for a query that only asks for rows, and whether a cursor of the server can hold it.

    With ``values`` the text has ``%(name)s`` in their places. QueryError, with the part that is not allowed, for others.
    """
    shown = shown_by(sql)
    if shown:
        return f"SHOW {shown}", False
    explain = explain_of(sql)
    if explain is None:
        _check(driver, sql, values)
        return sql, True
    _check(driver, explain.query, values)
    return explain.of(explain.query), False


def _check(driver: Any, sql: str, values: Mapping[str, Any]) -> None:
    tree = _tree(driver, sql, values)
    if set(_numbers(tree, ":commandType")) != {_SELECT}:
        word = first_word(sql).upper()
        part = "WITH ... that changes rows" if word == "WITH" else word
        raise QueryError(f"the query does not run: {part} is not allowed, SQL here asks for rows", ALLOWED)
    if "true" in _behind(tree, ":hasForUpdate"):
        raise QueryError("the query does not run: FOR UPDATE is not allowed, it locks rows", "leave it out")
    if "f" in _behind(tree, ":relkind"):
        raise QueryError("the query does not run: foreign tables are not allowed, they reach files or the network")
    _check_functions(driver, _functions(driver, tree))


def _tree(driver: Any, sql: str, values: Mapping[str, Any]) -> list[str]:
    """The words of the tree that the server makes of a text; it is parsed alone, so it can be only one statement."""
    from psycopg.pq import ExecStatus

    found: list[str] = []

    def hear(notice: Any) -> None:
        if notice.message_primary == _PARSED:
            found.append(notice.message_detail or "")

    if values:
        sql %= {name: f"${number}" for number, name in enumerate(values, start=1)}
    driver.execute(
        "SET LOCAL debug_pretty_print = off; SET LOCAL debug_print_parse = on; SET LOCAL client_min_messages = log"
    )
    driver.add_notice_handler(hear)
    try:
        answer = driver.pgconn.prepare(b"", sql.encode(), _types(driver, list(values.values())))
    finally:
        driver.remove_notice_handler(hear)
    if answer.status != ExecStatus.COMMAND_OK:
        raise QueryError(f"the query does not run: {_words(answer)}")
    driver.execute("SET LOCAL debug_print_parse = off; SET LOCAL client_min_messages = notice")
    if len(found) != 1:
        raise QueryError(
            "the query does not run: the server does not tell how it understands it",
            "a connection without a pooler in between may",
        )
    return " ".join(found).split()


def _types(driver: Any, values: Sequence[Any]) -> Sequence[int]:
    """The types with which psycopg binds values."""
    from psycopg.adapt import PyFormat, Transformer

    transformer = Transformer.from_context(driver)
    transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    return transformer.types or ()


def _words(answer: Any) -> str:
    said: str = answer.get_error_message()
    return said.strip().removeprefix("ERROR:").strip()


def _behind(tree: Sequence[str], key: str) -> list[str]:
    return [value for name, value in pairwise(tree) if name == key]


def _numbers(tree: Sequence[str], key: str) -> list[int]:
    """The numbers behind a key; a name that somebody gave a column may look like a key, and has none behind it."""
    return [int(value) for value in _behind(tree, key) if value.isdecimal()]


def _functions(driver: Any, tree: list[str]) -> set[int]:
    """The numbers of all functions that a query calls, by itself, by an operator, or in a view of PostgreSQL's own."""
    functions: set[int] = set()
    seen: set[int] = set()
    trees = [tree]
    while trees:
        words = trees.pop()
        functions |= {number for key in _FUNCTION_KEYS for number in _numbers(words, key)}
        operators = _numbers(words, ":opno")
        functions |= {row[0] for row in driver.execute(_OPERATORS, [operators]).fetchall()}
        relations = set(_numbers(words, ":relid")) - seen
        seen |= relations
        views = driver.execute(_SYSTEM_VIEWS, [list(relations)]).fetchall()
        trees += [action.split() for _, action in views]
    return functions - {0}


def _check_functions(driver: Any, numbers: set[int]) -> None:
    known = {row[0]: row[1:] for row in driver.execute(_FUNCTIONS, [list(numbers)]).fetchall()}
    for number in sorted(numbers):
        name, volatility = known.get(number, (f"number {number}", "v"))
        if number >= _FIRST_OF_USERS:
            raise QueryError(
                f"the query does not run: the function {name} is not allowed, it is none of PostgreSQL's own",
                "leave it out; a view of the database may use it",
            )
        if name in REFUSED or (volatility == "v" and name not in HARMLESS):
            raise QueryError(
                f"the query does not run: the function {name} is not allowed, it may do more than compute a value",
                "leave it out",
            )
