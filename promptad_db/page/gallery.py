"""The images of the worst cells beside their ground truths and anomaly maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db.cells.view import Panel, panels
from promptad_db.db.queries.plot_data import cell_locations
from promptad_db.errors import PromptadError
from promptad_db.page.html import data_address
from promptad_db.run_folder import has_maps
from promptad_db.tables.grid import printed

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.plot_data import CellLocation
    from promptad_db.db.queries.selection import Filters

IMAGES = 2
FUSION = "max"
_ABOUT = (
    "The cells with the largest gaps whose runs kept their maps, each with the images in which the AUROCs of the two "
    "branches over the pixels differ most. Brighter is more anomalous; the outline is the ground truth. Each branch has "
    "a colour scale of its own, the same for all images of a cell, for branches score in different units."
)
_WITHOUT = " The pictures themselves are not at hand: --data-root says where the dataset is."


@dataclass(frozen=True)
class Picture:
    """One picture of a row: its caption, its address (None when it is not at hand), its text alternative."""

    title: str
    source: str | None
    alt: str


@dataclass(frozen=True)
class Row:
    """One image: its name, and its pictures from left to right."""

    image: str
    pictures: list[Picture]


@dataclass(frozen=True)
class View:
    """One cell: its heading, and its rows of pictures."""

    title: str
    panels: list[Row]


@dataclass(frozen=True)
class Gallery:
    """What the gallery shows, and its cells."""

    about: str
    views: list[View]


def gallery(database: Where, filters: Filters, count: int, data_root: Path | None) -> tuple[Gallery | None, list[str]]:
    """The images of the ``count`` cells with the largest gaps that have maps, None when there are none; and notes."""
    views: list[View] = []
    notes: list[str] = []
    complete = True
    for cell in cell_locations(database, filters)[0] if count else []:
        if cell.gap is None or not has_maps(cell.folder, cell.category):
            continue
        branches = tuple(dict.fromkeys((*filters.branches, FUSION)))
        try:
            cell_panels = _with_fusion(cell, branches, data_root)
        except (PromptadError, OSError) as error:
            notes.append(f"no images of {cell}: {str(error).splitlines()[0]}")
            continue
        complete &= all(panel.picture is not None for panel in cell_panels)
        views.append(View(_heading(cell, filters), [_row(panel) for panel in cell_panels]))
        if len(views) == count:
            break
    about = _ABOUT + ("" if complete else _WITHOUT)
    return (Gallery(about, views) if views else None), notes


def _with_fusion(cell: CellLocation, branches: tuple[str, ...], data_root: Path | None) -> list[Panel]:
    """The panels of a cell; without the fusion where it is not defined, as that of another method's two branches."""
    try:
        return panels(cell.folder, cell.category, IMAGES, branches, data_root)
    except PromptadError:
        return panels(cell.folder, cell.category, IMAGES, branches[:2], data_root)


def _heading(cell: CellLocation, filters: Filters) -> str:
    aurocs = ", ".join(
        f"{branch} {printed(value, 'auroc')} %"
        for branch, value in zip(filters.branches, (cell.auroc_a, cell.auroc_b), strict=True)
        if value is not None
    )
    return f"{cell}: {aurocs}, gap {printed(cell.gap or 0.0, 'gap')} points"


def _row(panel: Panel) -> Row:
    truth = f"ground truth of {panel.image}"
    pictures = [
        Picture(panel.image, _address(panel.picture), panel.alt),
        Picture("ground truth", _address(panel.truth), truth),
    ]
    for branch, png in panel.maps.items():
        low, high = panel.ranges[branch]
        score = f"; image score {panel.scores[branch]:.3g}" if branch in panel.scores else ""
        alt = f"{branch} map of {panel.image}{score}"
        pictures.append(Picture(f"{branch}, {low:.3g} to {high:.3g}", data_address(png), alt))
    return Row(panel.image, pictures)


def _address(png: bytes | None) -> str | None:
    return None if png is None else data_address(png)
