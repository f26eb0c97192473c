"""No module of the package imports, over whichever others, what imports it; imports for types alone count too."""

from __future__ import annotations

from graphlib import TopologicalSorter

import pytest

grimp = pytest.importorskip("grimp", reason="import-linter is not installed")


def test_there_is_no_import_circle():
    graph = grimp.build_graph("promptad_db", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert "promptad_db.records" in imports["promptad_db.run_folder.category"]
    assert "promptad_db.result_set" in imports["promptad_db.plots.registry"]  # for types alone
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a circle
