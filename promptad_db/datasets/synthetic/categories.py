"""The categories of the synthetic set: how each is painted, called, and spoiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db.datasets.synthetic import defects, objects, textures

if TYPE_CHECKING:
    from promptad_db.datasets.categories import Kind
    from promptad_db.datasets.synthetic.fields import Painter


@dataclass(frozen=True)
class Category:
    """One category: its kind, its painter, its name in a prompt, its defect types, and whether it is held out."""

    kind: Kind
    paint: Painter
    class_name: str
    defects: tuple[str, ...]
    held_out: bool = False


DEFECTS: dict[str, defects.Defect] = {
    "bent": defects.bent,
    "contamination": defects.contamination,
    "crack": defects.crack,
    "cut": defects.cut,
    "fold": defects.fold,
    "hole": defects.hole,
    "missing_part": defects.missing_part,
    "scratch": defects.scratch,
    "stain": defects.stain,
    "thread": defects.thread,
}

STATES: dict[str, tuple[str, ...]] = {
    "bent": ("bent {}", "deformed {}"),
    "contamination": ("{} with contamination", "contaminated {}"),
    "crack": ("{} with crack", "cracked {}"),
    "cut": ("{} with cut", "torn {}"),
    "fold": ("{} with fold", "creased {}"),
    "hole": ("{} with hole", "pierced {}"),
    "missing_part": ("{} with missing part", "chipped {}"),
    "scratch": ("{} with scratch", "scratched {}"),
    "stain": ("{} with stain", "stained {}"),
    "thread": ("{} with thread", "{} with loose fibre"),
}

CATEGORIES: dict[str, Category] = {
    "biscuit": Category("object", objects.biscuit, "biscuit", ("contamination", "crack", "missing_part", "stain")),
    "button": Category("object", objects.button, "button", ("crack", "missing_part", "scratch", "stain")),
    "capsule": Category("object", objects.capsule, "capsule", ("bent", "contamination", "crack", "scratch")),
    "chip": Category(
        "object", objects.chip, "chip", ("bent", "contamination", "missing_part", "scratch"), held_out=True
    ),
    "gear": Category("object", objects.gear, "gear", ("crack", "missing_part", "scratch", "stain"), held_out=True),
    "grid": Category(
        "texture", textures.grid, "grid", ("bent", "contamination", "missing_part", "thread"), held_out=True
    ),
    "leather": Category("texture", textures.leather, "leather", ("cut", "fold", "hole", "scratch", "stain")),
    "marble": Category("texture", textures.marble, "marble", ("crack", "hole", "scratch", "stain"), held_out=True),
    "nut": Category("object", objects.nut, "nut", ("bent", "missing_part", "scratch", "stain")),
    "tile": Category("texture", textures.tile, "tile", ("contamination", "crack", "scratch", "stain")),
    "weave": Category("texture", textures.weave, "weave", ("cut", "hole", "stain", "thread")),
    "wood": Category("texture", textures.wood, "wood", ("contamination", "hole", "scratch", "stain")),
}

KINDS: dict[str, Kind] = {name: category.kind for name, category in CATEGORIES.items()}

HELD_OUT: tuple[str, ...] = tuple(name for name, category in CATEGORIES.items() if category.held_out)


def class_name(category: str) -> str:
    """What the category is called in a prompt."""
    return CATEGORIES[category].class_name


def states(category: str) -> tuple[str, ...]:
    """Texts of the category's own defects with ``{}`` for the class name, such as ``{} with scratch``."""
    return tuple(state for defect in CATEGORIES[category].defects for state in STATES[defect])
