"""What somebody else's SQL may ask of DuckDB.

What a query is, DuckDB's own parser says, as a tree of all its parts. The tree is judged before anything is bound: binding
alone runs some functions, and the open file is never out of reach for DuckDB itself, whatever its settings.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from promptad_db.db.guard.leading_words import explain_of, first_word
from promptad_db.db.guard.pivots import with_values
from promptad_db.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED = "begin it with SELECT, WITH, FROM, VALUES, PIVOT, SHOW, DESCRIBE, SUMMARIZE or EXPLAIN"

TABLE_FUNCTIONS = frozenset(
    """
    duckdb_columns duckdb_constraints duckdb_databases duckdb_dependencies duckdb_functions duckdb_indexes duckdb_keywords
    duckdb_memory duckdb_optimizers duckdb_schemas duckdb_sequences duckdb_settings duckdb_tables duckdb_types
    duckdb_variables duckdb_views generate_series icu_calendar_names json_each json_tree pg_timezone_names
    pragma_collations pragma_database_size pragma_metadata_info pragma_platform pragma_show pragma_storage_info
    pragma_table_info pragma_user_agent pragma_version range repeat repeat_row test_all_types unnest
    """.split()  # noqa: SIM905 - a list of forty words
)
HARMLESS = frozenset(
    """
    current_connection_id current_query current_query_id current_transaction_id error gen_random_uuid random sleep_ms stats
    uuid uuidv4 uuidv7
    """.split()  # noqa: SIM905
)
"""Functions that DuckDB says have side effects, and that leave nothing behind."""
RUNNING_SQL = frozenset({"json_serialize_plan", "json_execute_serialized_sql", "query", "query_table", "getenv"})
"""Functions that bind or run a text as SQL, or read the environment."""

_EXPRESSIONS = frozenset(
    """
    BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT DEFAULT FUNCTION LAMBDA LAMBDA_REF OPERATOR
    PARAMETER POSITIONAL_REFERENCE STAR SUBQUERY TYPE WINDOW
    """.split()  # noqa: SIM905
)
_PARTS = frozenset(
    """
    SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE CTE_NODE
    BASE_TABLE CTE EMPTY EXPRESSION_LIST JOIN PIVOT SHOW_REF SUBQUERY TABLE_FUNCTION
    DISTINCT_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER ORDER_MODIFIER ASCENDING DESCENDING ORDER_DEFAULT
    """.split()  # noqa: SIM905
)
_OF_A_PATH = "./\\:"  # a file is taken for a table by the ending of its name
_TYPES = "_TYPE_INFO"  # what a cast's type says of itself
_OTHER_STATEMENT = "Only SELECT statements"  # in DuckDB's words: the text holds another one
_SIDE_EFFECTS = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE internal AND (has_side_effects OR stability = 'VOLATILE')"
_side_effects: set[str] = set()  # the names of functions that have some, which are the same in every database
_TABLES = """
SELECT schema_name, table_name FROM duckdb_tables() UNION SELECT schema_name, view_name FROM duckdb_views()
"""


def judged(driver: Any, sql: str) -> str:
    """The text to run for a query that only asks for rows; QueryError, with the part that is not allowed, for others."""
    explain = explain_of(sql)
    if explain is None:
        return _judged_query(driver, sql)
    if with_values(explain.query) and _tree(driver, explain.query) is None:
        raise QueryError(
            "the query does not run: DuckDB does not explain a PIVOT that finds its values in the data",
            "give it the values: PIVOT ... ON column IN (...)",
        )
    return explain.of(_judged_query(driver, explain.query))


def _judged_query(driver: Any, sql: str) -> str:
    tree = _tree(driver, sql)
    if tree is None:
        valued = with_values(sql)
        tree = _tree(driver, valued) if valued else None
    if tree is None:
        raise _refusal(sql)
    if not tree:
        raise QueryError("the query is empty")
    if len(tree) > 1:
        raise QueryError(f"the query does not run: {len(tree)} queries were given", "give one at a time")
    _check_tree(driver, tree)
    return sql


def _tree(driver: Any, sql: str) -> list[Any] | None:
    """The statements of a text as DuckDB parses them; None where one of them is no SELECT."""
    code = sql.encode().hex()  # binding a text would import pandas; hexadecimal digits cannot end their literal
    (answer,) = driver.execute(f"SELECT json_serialize_sql(decode(unhex('{code}')))").fetchone()
    try:
        found = json.loads(answer)
    except RecursionError as error:
        raise QueryError("the query does not run: it is nested too deeply", "write it in steps, WITH ...") from error
    if not found["error"]:
        statements: list[Any] = found["statements"]
        return statements
    if found["error_message"].startswith(_OTHER_STATEMENT):
        return None
    raise _wrong(driver, sql, found["error_message"])


def _wrong(driver: Any, sql: str, message: str) -> QueryError:
    """What DuckDB says of a text that it cannot parse, with the line and the place."""
    import duckdb

    try:
        driver.extract_statements(sql)
    except duckdb.Error as error:
        message = str(error).strip()
    return QueryError(f"the query does not run: {message}")


def _refusal(sql: str) -> QueryError:
    word = first_word(sql)
    if word in ("select", "with", "from", "values", "table", ""):
        return QueryError(
            "the query does not run: more than one query was given, or one that changes something", "give one that asks"
        )
    if word.startswith("pivot"):
        return QueryError(
            "the query does not run: the values of its PIVOT cannot be determined",
            "give them: PIVOT ... ON column IN (...)",
        )
    return QueryError(f"the query does not run: {word.upper()} is not allowed, SQL here asks for rows", ALLOWED)


def _check_tree(driver: Any, tree: list[Any]) -> None:
    tables, functions = [], set()
    for node in _nodes(tree):
        kind, of_expression = node.get("type"), node.get("class")
        known = of_expression in _EXPRESSIONS if of_expression else _is_known(kind)
        if not known:
            raise QueryError(f"the query does not run: {of_expression or kind} is not allowed", ALLOWED)
        if kind == "BASE_TABLE":
            tables.append(node)
        elif kind == "TABLE_FUNCTION":
            _check_table_function(node["function"].get("function_name", "").lower())
        if "function_name" in node:
            functions.add(node["function_name"].lower())
    _check_functions(driver, functions)
    _check_tables(driver, tables)


def _is_known(kind: Any) -> bool:
    return not isinstance(kind, str) or kind in _PARTS or kind.endswith(_TYPES)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in a tree, however deep."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _check_table_function(name: str) -> None:
    if name not in TABLE_FUNCTIONS:
        raise QueryError(
            f"the query does not run: the table function {name} is not allowed, SQL here reads no files and runs no commands",
            "ask the tables and views (SHOW TABLES), range, generate_series, unnest, json_each, repeat, or duckdb_...()",
        )


def _check_functions(driver: Any, names: set[str]) -> None:
    refused = names & RUNNING_SQL
    if names - refused:
        if not _side_effects:  # 25 ms, which is as long as a small query takes
            _side_effects.update(row[0] for row in driver.execute(_SIDE_EFFECTS).fetchall())
        refused |= names & (_side_effects - HARMLESS)
    if refused:
        raise QueryError(
            f"the query does not run: the function {min(refused)} is not allowed, it does more than to compute a value",
            "leave it out",
        )


def _check_tables(driver: Any, tables: list[dict[str, Any]]) -> None:
    """Refuse what DuckDB would take for the path of a file: names that it cannot find, with the signs of a path."""
    there: set[tuple[str, str]] | None = None
    for node in tables:
        schema, name = node["schema_name"], node["table_name"]
        full = ".".join(filter(None, (node["catalog_name"], schema, name)))
        if not any(sign in full for sign in _OF_A_PATH):
            continue
        if there is None:
            there = {(row[0].lower(), row[1].lower()) for row in driver.execute(_TABLES).fetchall()}
        if not _is_there(there, schema.lower(), name.lower(), whole=bool(node["catalog_name"])):
            raise QueryError(
                f"the query does not run: there is no table {full}, and SQL here reads no files",
                "SHOW TABLES lists the tables and views",
            )


def _is_there(there: set[tuple[str, str]], schema: str, name: str, *, whole: bool) -> bool:
    """Whether a table is known. Of two parts the first may be a database, whose schema is main."""
    if whole:
        return (schema, name) in there
    return any(known == name and (not schema or of in (schema, "main")) for of, known in there)
