"""The SQL box, with the guard of ``promptad-db sql``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.errors import QueryError, UsageError
from promptad_db.result_set import Section
from promptad_db.tables.grid import lay_out
from promptad_db.tables.plan import plan_text
from promptad_db.ui.access import from_other_site
from promptad_db.ui.asking import ask
from promptad_db.ui.filters import text_of
from promptad_db.ui.pages import page, shown_by

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

EXAMPLES = (
    ("Largest gaps", "SELECT * FROM branch_gap ORDER BY abs_gap DESC LIMIT 20"),
    ("A summary of each task", "SELECT * FROM task_summary"),
    ("What fusion gains", "SELECT * FROM fusion_gain ORDER BY task, rule"),
    ("Newest runs", "SELECT run_id, experiment, variant, status FROM runs ORDER BY created_at DESC LIMIT 20"),
    ("All tables and views", "SELECT table_name, table_type FROM information_schema.tables ORDER BY 2, 1"),
)


def sql(request: Request) -> Response:
    """The page: a box, and the rows of its query; a link on somebody else's page fills the box but runs nothing."""
    query = text_of(request, "query") or ""
    grid, plan, cut, problem = None, None, False, None
    if query and not from_other_site(request):
        try:
            result = ask(shown_by(request).database, query)
            plan, cut = plan_text(result), result.cut
            grid = lay_out(Section("result", "", result)) if plan is None else None
        except (QueryError, UsageError) as error:
            problem = error
    return page(
        request, "sql.html", query=query, grid=grid, plan=plan, cut=cut, problem=problem, examples=EXAMPLES,
    )  # fmt: skip
