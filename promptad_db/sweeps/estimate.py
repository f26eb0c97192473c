"""How long a sweep will take, from what the stages of the same backbone took before, as the database knows it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from promptad_db.db.queries.stage_seconds import stage_seconds
from promptad_db.errors import DatabaseError

if TYPE_CHECKING:
    import os

    from promptad_db.db.queries.stage_seconds import StageSeconds
    from promptad_db.records import Setting
    from promptad_db.sweeps.grid import Grid

_SHARED = "encode"
_PART_OF_SHARED = "encode_semantic"
_PER_CELL = ("train", "text", "shots")
_Key = tuple[str, str, int | None]


class Estimate:
    """Seconds of one worker. Stages that look at test images cost by the image, training and text by the cell."""

    def __init__(self, stored: list[StageSeconds]) -> None:
        self._stages: dict[_Key, dict[str, list[StageSeconds]]] = defaultdict(lambda: defaultdict(list))
        for one in stored:
            for k_shot in (one.k_shot, None):
                self._stages[one.task, one.variant, k_shot][one.stage].append(one)

    def seconds(self, settings: list[Setting], images: int) -> float | None:
        """What a group of these settings costs, None when one of them was never timed with this backbone.

        A K that was never timed costs as much as the others do on average.
        """
        total = shared = 0.0
        for setting in settings:
            places: tuple[_Key, ...] = (
                (setting.task, setting.variant, setting.k_shot), (setting.task, setting.variant, None),
            )  # fmt: skip
            stages = next((self._stages[place] for place in places if place in self._stages), None)
            if stages is None or _SHARED not in stages:
                return None
            costs = {stage: _cost(stage, timed, images) for stage, timed in stages.items() if stage != _PART_OF_SHARED}
            shared = max(shared, costs.pop(_SHARED))
            total += sum(costs.values())
        return total + shared


def estimate_of(grid: Grid, db: str | os.PathLike[str] | None) -> Estimate:
    """What the database knows of the backbone of a grid; nothing when there is no database to ask."""
    options = grid.options
    try:
        return Estimate(stage_seconds(db, options.get("model"), options.get("pretrained")))
    except DatabaseError:
        return Estimate([])


def _cost(stage: str, timed: list[StageSeconds], images: int) -> float:
    seconds = sum(one.seconds for one in timed)
    if stage in _PER_CELL:
        return seconds / sum(one.cells for one in timed)
    return seconds / sum(one.images for one in timed) * images
