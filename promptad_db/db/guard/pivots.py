"""A PIVOT that finds its values in the data, written with values: only then is it one query that can be judged as one.

DuckDB reads such a PIVOT as two statements, CREATE TYPE and SELECT. With values it has the same tables, functions and
expressions, so that what holds for one text holds for the other.
"""

from __future__ import annotations

from typing import NamedTuple

_PIVOTS = ("pivot", "pivot_wider")
_BEHIND = ("using", "group", "order", "limit", "offset", "union", "except", "intersect", ";")
_VALUES = b"\n IN (0) "


class _Token(NamedTuple):
    start: int  # bytes
    text: str
    depth: int


def with_values(sql: str) -> str | None:
    """The SQL with values for the columns of its PIVOTs that have none; None where there is no such column."""
    text = sql.encode()
    tokens = _tokens(text)
    ends = {end for index, token in enumerate(tokens) if token.text in _PIVOTS for end in _open_columns(tokens, index)}
    starts = [token.start for token in tokens] + [len(text)]
    places = sorted({starts[index] for index in ends}, reverse=True)
    for place in places:
        text = text[:place] + _VALUES + text[place:]
    return text.decode() if places else None


def _open_columns(tokens: list[_Token], pivot: int) -> list[int]:
    """Where the columns of a PIVOT end that have no IN: the index of the token behind each."""
    depth, found = tokens[pivot].depth, []
    columns, valued = False, False
    for index in range(pivot + 1, len(tokens) + 1):
        token = tokens[index] if index < len(tokens) else None
        if token is not None and token.depth > depth:
            continue
        ends = token is None or token.depth < depth or token.text in _BEHIND
        if columns and not valued and (ends or (token is not None and token.text == ",")):
            found.append(index)
        if ends or token is None:
            break
        columns = columns or token.text == "on"
        valued = token.text == "in" or (valued and token.text != ",")
    return found


def _tokens(text: bytes) -> list[_Token]:
    """The words and signs of a query, by DuckDB's own scanner; a parenthesis is as deep as what is around it."""
    import duckdb

    starts = [start for start, _ in duckdb.tokenize(text.decode())]
    tokens, depth = [], 0
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        word = _leading(text[start:end].decode(errors="replace"))
        depth -= word == ")"
        tokens.append(_Token(start, word, depth))
        depth += word == "("
    return tokens


def _leading(text: str) -> str:
    """The word in lower case, or the sign, that a text begins with: comments stand behind it."""
    end = next((index for index, char in enumerate(text) if not (char.isalnum() or char == "_")), len(text))
    return text[: max(end, 1)].lower()
