"""One cell: its numbers, score histograms, curves, and its images sorted by score with their maps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from promptad_db import run_folder
from promptad_db.db.queries.lists import cell_runs
from promptad_db.errors import DatabaseError, NoRowsError, UsageError
from promptad_db.fusion.recipes import branch_of
from promptad_db.records import BRANCHES
from promptad_db.result_set import ResultSet, Section
from promptad_db.tables import grids_of
from promptad_db.tables.grid import printed
from promptad_db.ui.cells import CellPage, branches_of, cell_of
from promptad_db.ui.filters import chosen, counted, number_of, text_of
from promptad_db.ui.pages import address, page, shown_by
from promptad_db.ui.pictures import anomaly_map, has_picture, picture, truth

if TYPE_CHECKING:
    from starlette.requests import Request

    from promptad_db.db.engine.connect import Where

STRIP = 240
LABELS = ("normal", "anomalous")
_METRICS = ("auroc", "ap", "f1_max", "aupro")
_MAPS = (*BRANCHES, "max")


def cell(request: Request) -> Response:
    """The page of a cell of a run; a cell without a run is that of the run that counts."""
    if text_of(request, "run") is None:
        return _of_the_run_that_counts(request)
    shown = cell_of(request)
    branches = branches_of(request, shown)
    by = text_of(request, "by") or ("max" if "max" in shown.result.scores else branches[-1] if branches else "")
    order = _sorted(shown, by, text_of(request, "label"))
    number = counted(request, "page", 1)
    first = (number - 1) * STRIP
    part = order[first : first + STRIP]
    pictures = has_picture(shown, shown_by(request).data_root)
    cards = [_card(shown, place, by, pictures=pictures) for place in part]
    names = run_folder.list_categories(shown.folder)
    here = names.index(shown.category)
    return page(
        request,
        "cell.html",
        cell=shown,
        by=by,
        branches=branches,
        level="image" if shown.info.task == "cls" else "pixel",
        numbers=grids_of([Section("numbers", "What was measured in this cell.", _numbers(shown))])[0],
        cards=cards,
        total=len(order),
        first=first,
        number=number,
        pages=max(1, -(-len(order) // STRIP)),
        pictures=pictures,
        opened=_opened(request, cards),
        chosen=chosen(request),
        base={"run": shown.info.run_id, "category": shown.category},
        neighbours=(names[here - 1] if here else None, names[here + 1] if here + 1 < len(names) else None),
        others=_others(shown_by(request).database, shown),
    )


def image(request: Request) -> Response:
    """One picture as PNG: ``kind`` is picture, truth or map, of the ``branch``."""
    shown, name, kind = cell_of(request), request.query_params.get("image", ""), text_of(request, "kind")
    if kind == "picture":
        content = picture(shown, name, shown_by(request).data_root)
    elif kind == "truth":
        content = truth(shown, name)
    elif kind == "map":
        content = anomaly_map(shown, name, text_of(request, "branch") or "")
    else:
        raise UsageError(f"there is no picture of kind {kind}", "use one of picture, truth, map")
    return Response(content, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})


def _of_the_run_that_counts(request: Request) -> Response:
    k_shot, seed = number_of(request, "k_shot"), number_of(request, "seed")
    category, dataset, task = (request.query_params.get(name) for name in ("category", "dataset", "task"))
    if category is None or dataset is None or task is None or k_shot is None:
        raise UsageError("a cell needs a run and a category", "choose one from the page of a run")
    runs = cell_runs(
        shown_by(request).database,
        dataset=dataset, category=category, k_shot=k_shot, seed=seed, task=task, experiment=text_of(request, "experiment"),
    )  # fmt: skip
    if not runs.rows:
        raise NoRowsError(f"no run has {dataset} {category} K={k_shot} seed={seed} {task}", "choose one from Runs")
    return RedirectResponse(address("/cell", {"run": runs.rows[0][0], "category": category}), 303)


def _sorted(shown: CellPage, by: str, label: str | None) -> list[int]:
    """The places of the images with a label, the highest score first."""
    result = shown.result
    if not result.scores:
        return []
    if by not in result.scores:
        raise NoRowsError(f"{shown.category} has no scores of a branch {by}", f"it has {', '.join(result.scores)}")
    scores, labels = result.scores[by], result.labels
    wanted = LABELS.index(label) if label in LABELS else None
    places = [at for at in range(len(scores)) if wanted is None or labels is None or labels[at] == wanted]
    return sorted(places, key=lambda at: (-scores[at], result.images[at]))


def _card(shown: CellPage, at: int, by: str, *, pictures: bool) -> dict[str, Any]:
    """What the strip and the lens show of one image."""
    result, name = shown.result, shown.result.images[at]
    base = {"run": shown.info.run_id, "category": shown.category, "image": name}
    label = None if result.labels is None else int(result.labels[at])
    kind = result.defect_types[at] if result.defect_types else None
    seen = [{"name": "image", "address": address("/image.png", base, kind="picture"), "score": ""}] if pictures else []
    if result.masks is not None:
        seen.append({"name": "ground truth", "address": address("/image.png", base, kind="truth"), "score": ""})
    seen += [
        {
            "name": branch,
            "address": address("/image.png", base, kind="map", branch=branch),
            "score": printed(result.scores[branch][at]) if branch in result.scores else "",
        }
        for branch in _maps_of(shown, by)
    ]
    description = "label unknown" if label is None else LABELS[label] + (f", {kind}" if kind and label else "")
    description += f"; {by} score {printed(result.scores[by][at])}"
    return {
        "name": name, "label": label, "score": float(result.scores[by][at]), "description": description, "seen": seen,
        "thumbnail": seen[0]["address"] if seen else None,
        "shown": json.dumps({"name": name, "description": description, "pictures": seen}),
    }  # fmt: skip


def _maps_of(shown: CellPage, by: str) -> list[str]:
    """The branches whose maps are shown: both, their maximum, and the one that the strip is sorted by."""
    maps = shown.result.maps
    if not maps:
        return []
    both = set(BRANCHES) <= set(maps)
    return list(dict.fromkeys(name for name in (*_MAPS, by) if name in maps or (both and name == "max")))


def _opened(request: Request, cards: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The image that the lens begins with: the one that the address names, else the first."""
    name = request.query_params.get("image")
    return next((card for card in cards if card["name"] == name), cards[0] if cards else None)


def _numbers(shown: CellPage) -> ResultSet:
    """A row a level, branch and provenance, with what the branch is; a column a metric."""
    rows: dict[tuple[str, str, str], dict[str, float | None]] = {}
    for one in shown.result.metrics:
        rows.setdefault((one.level, one.branch, one.provenance), {})[one.metric] = one.value
    kept = [name for name in _METRICS if any(name in row for row in rows.values())]
    columns = ("branch", "level", *kept, "provenance", "kind", "supervision")
    content = [
        (name, level, *(values.get(metric) for metric in kept), provenance, branch.kind, branch.supervision)
        for (level, name, provenance), values in rows.items()
        for branch in (shown.info.branches.get(name) or branch_of(name),)
    ]
    return ResultSet(columns, content, dict.fromkeys(kept, "percent"))


def _others(database: Where, shown: CellPage) -> list[dict[str, Any]]:
    """The other runs of this cell; none where the database cannot say."""
    info = shown.info
    try:
        runs = cell_runs(
            database,
            dataset=info.dataset, category=shown.category, k_shot=info.k_shot, seed=info.seed, task=info.task, experiment=None,
        )  # fmt: skip
    except DatabaseError:
        return []
    return [row for row in runs.records() if row["run_id"] != info.run_id]
