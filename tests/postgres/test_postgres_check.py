"""Every check that judges what numbers, names and images mean finds the same in a file and in PostgreSQL."""

from __future__ import annotations

import numpy as np
from checked_runs import log, scores
from measured_runs import Laboratory

import promptad_db
from promptad_db import ingest, run_folder
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters


def test_what_numbers_names_and_images_mean_is_checked_alike(server, new_database):
    lab = Laboratory()
    fields = {"experiment": "default", "task": "seg"}
    numbers = {"semantic": 0.8, "memory": 0.7, "max": 0.8}
    folder = lab.run(dict.fromkeys(("tile", "Tile", "Ärger"), numbers), **fields)
    run_folder.update_run(folder, source={"kind": "official-csv", "assumed": {"method": "the columns"}})
    lab.run({"wood": {"memory": 0.0098}}, k_shot=2, **fields)
    lab.run({"wood": {"memory": 0.0098, "semantic": 0.9}}, k_shot=4, **fields)
    lab.run({"wood": {"memory": 0.3}, "tile": {"memory": 0.9}}, k_shot=8, **fields)
    log(branches={"memory": -scores(gap=0.5)})
    log(branches={"memory": np.round(scores(), 3)}, k_shot=2)
    log(branches={"memory": np.round(scores(), 3)}, k_shot=4, config={"shots": {"tile": ["good/003.png"]}})
    log(normals=20, k_shot=4, method="n")
    ingest("runs")
    address = server.address(new_database())
    ingest("runs", db=address)
    filters = Filters(experiments=("default",))
    from_file, from_server = (promptad_db.check(place, filters) for place in ("promptad.duckdb", address))
    assert from_server == from_file
    counts = {row["check"]: row["errors"] + row["warnings"] + row["infos"] for row in from_file.ran.records()}
    judged = ("assumed-settings", "case-only-names", "identical-scores", "inverted-scores", "support-in-test",
              "unpaired-images", "wrong-units")  # fmt: skip
    assert {name: counts[name] > 0 for name in judged} == dict.fromkeys(judged, True)
    of_file, of_server = (report(place, filters).notes for place in ("promptad.duckdb", address))
    assert of_server == of_file
    assert any(note.startswith("max equals semantic in 3 of 3 cells of seg") for note in of_file)
