"""The semantic branch of each variant of the method. A new variant is a class in a file of its own, entered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.model.baseline import Baseline
from promptad_db.model.spatial_prompts import SpatialPrompts
from promptad_db.model.vision_guided import VisionGuided
from promptad_db.records import MEMORY_ONLY

if TYPE_CHECKING:
    from promptad_db.model.branch import SemanticBranch

BRANCHES: dict[str, type[SemanticBranch]] = {
    "baseline": Baseline,
    "spatial_prompts": SpatialPrompts,
    "vision_guided": VisionGuided,
}
VARIANTS = (*BRANCHES, MEMORY_ONLY)
