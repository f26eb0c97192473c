"""The words in front of a query: which statement it is, and what an EXPLAIN explains.

Nothing is allowed by what is read here: the database's own parser judges the query behind the words.
"""

from __future__ import annotations

from dataclasses import dataclass

_OLD_OPTIONS = ("analyze", "analyse", "verbose")
_OPTIONS = (
    *_OLD_OPTIONS, "buffers", "costs", "format", "generic_plan", "memory", "serialize", "settings", "summary", "timing",
    "wal",
)  # fmt: skip
_LONGEST_OPTION = 2  # words


@dataclass(frozen=True)
class Explain:
    """An EXPLAIN: its options, each one or two words, and the query that it explains."""

    options: tuple[str, ...]
    query: str

    def of(self, query: str) -> str:
        """The same EXPLAIN of a query."""
        return f"EXPLAIN ({', '.join(self.options)}) {query}" if self.options else f"EXPLAIN {query}"


def first_word(sql: str) -> str:
    """The first word of a statement in lower case, behind spaces and comments; empty where none stands there."""
    return _word(sql)[0]


def is_blank(sql: str) -> bool:
    """Whether a text holds spaces, comments and semicolons alone."""
    rest = _text(sql)
    while rest.startswith(";"):
        rest = _text(rest[1:])
    return not rest


def explain_of(sql: str) -> Explain | None:
    """What an EXPLAIN explains; None for another statement."""
    word, rest = _word(sql)
    if word != "explain":
        return None
    rest = _text(rest)
    if rest.startswith("("):
        inside, _, behind = rest[1:].partition(")")
        options = [option.split() for option in inside.lower().split(",")]
        if all(map(_is_option, options)):
            return Explain(tuple(map(" ".join, options)), behind)
        return Explain((), rest)
    found: list[str] = []
    while (word := _word(rest)[0]) in _OLD_OPTIONS:
        found.append(word)
        rest = _word(rest)[1]
    return Explain(tuple(found), rest)


def shown_by(sql: str) -> str | None:
    """The words behind SHOW, with one space between them; None for another statement, and where more than words stand."""
    word, rest = _word(sql)
    words = _text(rest).rstrip().removesuffix(";").split()
    if word != "show" or not words or not all(part.isidentifier() for word in words for part in word.split(".")):
        return None
    return " ".join(words)


def _is_option(words: list[str]) -> bool:
    named = bool(words) and words[0] in _OPTIONS and len(words) <= _LONGEST_OPTION
    return named and all(word.isalnum() or word.isidentifier() for word in words)


def _word(sql: str) -> tuple[str, str]:
    """The first word in lower case, and the text behind it."""
    text = _text(sql)
    end = next((index for index, char in enumerate(text) if not (char.isalnum() or char == "_")), len(text))
    return text[:end].lower(), text[end:]


def _text(sql: str) -> str:
    """The text without the spaces and comments in front of it; comments nest."""
    start = 0
    while start < len(sql):
        if sql[start].isspace():
            start += 1
        elif sql.startswith("--", start):
            end = sql.find("\n", start)
            start = len(sql) if end < 0 else end
        elif sql.startswith("/*", start):
            start = _behind_comment(sql, start)
        else:
            break
    return sql[start:]


def _behind_comment(sql: str, start: int) -> int:
    depth = 0
    while start < len(sql):
        if sql.startswith("/*", start):
            depth, start = depth + 1, start + 2
        elif sql.startswith("*/", start):
            depth, start = depth - 1, start + 2
        else:
            start += 1
        if not depth:
            break
    return start
