"""The answer of an EXPLAIN: a text that is drawn with line breaks, not a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from promptad_db.tables.values import raw, visible

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet


def plan_text(result: ResultSet) -> str | None:
    """The lines of a plan, which end with a line break; None for another result."""
    places = [index for index, column in enumerate(result.columns) if result.kinds.get(column) == "plan"]
    if not places:
        return None
    texts = [value if isinstance(value, str) else json.dumps(raw(value), indent=2)
             for row in result.rows for value in (row[index] for index in places)]  # fmt: skip
    return "".join(f"{visible(line.rstrip())}\n" for text in texts for line in text.strip("\n").split("\n"))
