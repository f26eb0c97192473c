"""The published results beside a selection: published.csv, shipped as data.

``published.csv`` has one row a method, dataset, K and level: ``mean`` and ``std`` of the AUROC over the categories, in
percent as printed, with the ``precision`` of the print; what is known of the protocol (``protocol``, ``backbone``, input
``resolution`` and ``rendered`` size in pixels, epoch ``selection``, ``seeds``, ``auxiliary`` = trained on anomalies of
other data); the paper (``source``), where the figure was read (``seen_in``), and whether that settles it (``confirmed``).
What is not known is left empty.
"""

from __future__ import annotations

import csv
from importlib import resources
from typing import TYPE_CHECKING

from promptad_db.datasets.categories import KINDS
from promptad_db.db.queries.selection import Filters, make

if TYPE_CHECKING:
    import sqlalchemy as sa


def add_published(connection: sa.Connection) -> None:
    """Make the temporary table of published means, which the section *reference* reads."""
    columns = published()
    sizes = [len(KINDS[name]) for name in columns["dataset"]]
    make(connection, "published", Filters(), {**columns, "of_categories": sizes})


def published() -> dict[str, list[str]]:
    """The columns of the table, as text."""
    text = (resources.files("promptad_db.db.queries") / "published.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {name: [row[name] for row in rows] for name in rows[0]}
