"""The names of the report's sections: each is one .sql file in sql/reports, but for *significance*, which is computed."""

from promptad_db.db.engine.sql_files import names

_IN_ORDER = (
    "summary", "datasets", "worst", "k-shot", "categories", "fusion", "compare", "variants", "repairs", "gate",
    "gate-picks", "cost", "significance", "paper", "reference",
)  # fmt: skip

SECTIONS = (*_IN_ORDER, *(name for name in names("reports") if name not in _IN_ORDER))
