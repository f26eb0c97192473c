"""How the sections of variants, gates and costs look in every format: one golden file each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from measured_runs import TIMINGS, Laboratory, both

from promptad_db.tables import FORMATS

GOLDEN = Path(__file__).parent / "golden" / "report_sections"
REWRITE = "PROMPTAD_DB_REWRITE_GOLDEN"  # set it to write the golden files anew, then read the difference
SECTIONS = "variants,repairs,gate,gate-picks,cost"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Three variants on two datasets and both tasks; the second half of the runs has neither gate nor timings."""
    from promptad_db import ingest

    place = tmp_path_factory.mktemp("sections")
    before = Path.cwd()
    os.chdir(place)
    try:
        lab = Laboratory()
        for task, gain in (("seg", 0.0), ("cls", 0.02)):
            first = {"tile": both(0.7, 0.9), "wood": both(0.92, 0.9)}
            gates = {
                name: {**cell, "harmonic": 0.88, "gate": 0.91 + gain, "gate_hard": 0.9, "oracle": 0.96}
                for name, cell in first.items()
            }
            lab.run(gates, task=task, timings=TIMINGS, shares={"gate": 0.35, "gate_hard": 0.5})
            lab.run({"tile": both(0.85, 0.9), "wood": both(0.91, 0.9)}, task=task, variant="spatial_prompts")
            lab.run({"tile": {"memory": 0.9}}, task=task, variant="memory_only", timings=TIMINGS)
        lab.run({"pcb1": both(0.7, 0.9)}, dataset="visa")
        lab.run({"pcb1": both(0.75, 0.9), "pcb2": both(0.8, 0.9)}, dataset="visa", variant="spatial_prompts")
        ingest("runs", db="sections.duckdb")
    finally:
        os.chdir(before)
    return place / "sections.duckdb"


@pytest.mark.parametrize("name", FORMATS)
def test_the_sections_look_as_they_did(cli, database, name):
    answer = cli("report", "--section", SECTIONS, "--format", name, "--db", database)
    assert answer.code == 0
    path = GOLDEN / f"report.{name}"
    shown = tables_of(answer.out) if name == "html" else answer.out
    if os.environ.get(REWRITE):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(shown.encode())
    assert shown == path.read_bytes().decode(), f"{path} differs; if that is meant, run once with {REWRITE}=1"


def tables_of(page):
    """The tables of the HTML report, without the charts and the megabyte of JavaScript that draws them."""
    start = page.index('<section aria-labelledby="tables">')
    return page[start : page.index("</main>", start)]


def test_a_comparison_of_variants_looks_as_it_did(cli, database):
    answer = cli("compare", "--variants", "baseline,spatial_prompts", "--task", "seg", "--db", database)
    path = GOLDEN / "compare.txt"
    if os.environ.get(REWRITE):
        path.write_bytes(answer.out.encode())
    assert answer.out == path.read_bytes().decode(), f"{path} differs; if that is meant, run once with {REWRITE}=1"
