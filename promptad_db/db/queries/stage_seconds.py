"""What the stages of the runs of one backbone took."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from promptad_db.db.engine import connect
from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql

if TYPE_CHECKING:
    import os


class StageSeconds(NamedTuple):
    """Seconds of one stage, summed over so many cells and their test images."""

    task: str
    variant: str
    k_shot: int
    stage: str
    cells: int
    images: int
    seconds: float


def stage_seconds(db: str | os.PathLike[str] | None, model: str | None, pretrained: str | None) -> list[StageSeconds]:
    """Every stage that was timed with a backbone; DatabaseError when there is no database to ask."""
    query = load_sql("lists", "stage_seconds")
    with connect.reading(connect.database_path(db)) as connection:
        found = fetch(connection, query.sql, model_name=model, pretrained=pretrained)
    return [StageSeconds(*row) for row in found.rows]
