"""The report as one HTML file: the finding, the charts, the images of the worst cells, the tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from promptad_db.db.queries.lists import origins
from promptad_db.db.queries.plot_data import TOP
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.significance import category_tests
from promptad_db.page.charts import figures
from promptad_db.page.findings import finding, numbers, significance
from promptad_db.page.gallery import gallery as make_gallery
from promptad_db.page.html import html_file
from promptad_db.tables import grids_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.selection import Filters

GALLERY = 6


@dataclass(frozen=True)
class Page:
    """An HTML file, and what its reader must know beside it."""

    text: str
    notes: list[str] = field(default_factory=list)


def report_page(
    database: Where,
    filters: Filters,
    *,
    sections: Sequence[str] = (),
    top: int = 10,
    min_gap: float | None = None,
    ci: bool = False,
    gallery: int = GALLERY,
    data_root: Path | None = None,
) -> Page:
    """The report as one HTML file that needs nothing else; the same database makes the same bytes.

    All charts that have something to show stand in it, and the tables of the ``sections`` asked for (``top``,
    ``min_gap`` and ``ci`` as in ``db.reports.report``). ``gallery`` is for how many cells images and maps are shown,
    where runs kept maps; the images are read below ``data_root``, by default where the runs found them.

    Raises NoRowsError when nothing matches.
    """
    contents = report(database, filters, sections=sections, top=top, min_gap=min_gap, ci=ci)
    summary = report(database, filters, sections=("summary",), ci=True).sections[0].result.records()
    tests = category_tests(database, filters)
    images, notes = make_gallery(database, filters, gallery, data_root)
    text = html_file(
        "report.html.j2",
        title="promptad-db report",
        finding=" ".join(filter(None, (finding(summary, filters.branches), significance(tests)))),
        numbers=numbers(summary, filters.branches),
        about=_about(filters),
        origin=_origin(database, filters),
        notes=contents.notes,
        charts=figures(database, filters, TOP),
        gallery=images,
        grids=grids_of(contents.sections),
    )
    return Page(text, contents.notes + notes)


def _origin(database: Where, filters: Filters) -> str:
    """What was run and when, where it is stored, and what made the page."""
    rows = origins(database, filters).records()
    experiments, methods = (list(dict.fromkeys(row[name] for row in rows)) for name in ("experiment", "method"))
    days = sorted({f"{row[name]:%Y-%m-%d}" for row in rows for name in ("first_run", "last_run")})
    count = sum(row["runs"] for row in rows)
    return (
        f"{_named('Experiment', experiments)}; {_named('method', methods)}; {count} {'run' if count == 1 else 'runs'} of "
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}; database {database}; promptad-db {version('promptad-db')}."
    )


def _named(what: str, names: Sequence[str]) -> str:
    return f"{what}{'' if len(names) == 1 else 's'} {', '.join(names)}"


def _about(filters: Filters) -> str:
    """What the numbers are, and which cells were chosen."""
    choices = {
        "task": filters.tasks, "experiment": filters.experiments, "dataset": filters.datasets,
        "category": filters.categories, "K": filters.k_shots, "seed": filters.seeds, "method": filters.methods,
        "variant": filters.variants, "run": filters.run_ids,
    }  # fmt: skip
    limits = [f"{name} {', '.join(map(str, values))}" for name, values in choices.items() if values]
    first, second = filters.branches
    numbers = {
        "best": "exact AUROCs, else reported ones", "exact": "exact AUROCs", "reported": "reported AUROCs",
        "approx": "estimates from score means",
    }[filters.provenance]  # fmt: skip
    about = f"gap = {second} - {first}, in AUROC points; {numbers}."
    return f"{about} Only {'; '.join(limits)}." if limits else about
