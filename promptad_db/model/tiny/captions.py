"""The texts that the tiny model learns: captions of whole pictures, and states for prompts."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

from promptad_db.datasets.synthetic import CATEGORIES, HELD_OUT, STATES
from promptad_db.model.tiny.tokenizer import clip_pieces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GENERAL = (
    "damaged {}", "flawed {}", "abnormal {}", "imperfect {}", "blemished {}", "{} with flaw", "{} with defect",
    "{} with damage", "broken {}", "defective {}", "{} with anomaly",
)  # fmt: skip

# Other words for the defects of the synthetic set, as the published prompts of PromptAD call theirs.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "bent": ("{} with a bent shape", "{} with bent", "{} with misshape", "{} squeezed with compression"),
    "contamination": ("{} with metal contamination", "{} with dirt", "dirty {}"),
    "crack": ("{} with cracks", "{} with breakage", "{} with large breakage"),
    "cut": ("{} with poke", "cut {}"),
    "fold": ("folded {}", "{} with crease"),
    "hole": ("{} with poke", "{} with small breakage"),
    "missing_part": ("{} with missing", "{} with corner missing", "{} with breakage"),
    "scratch": ("{} with small scratches", "{} with gray stroke"),
    "stain": ("{} with color stain", "{} with colour spot", "{} with liquid", "{} with oil", "{} with glue"),
    "thread": ("{} with thread residue", "{} with fibre"),
}

INTACT = ("{}", "{}", "{}", "flawless {}", "perfect {}", "intact {}", "normal {}", "unblemished {}")
FRAMES = ("{}.", "a {}.", "a photo of a {}.", "a close-up photo of the {}.", "a picture of the {} for inspection.")
SURFACES = ("surface", "material", "texture")
THINGS = ("object", "part", "thing", "item")
# Left out of the vocabulary: they stand for every name that the model will not know.
STRANGE = ("gizmo", "widget", "doodad thing", "gadget")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white", "gray")
_HUES = (0.04, 0.11, 0.19, 0.45, 0.7, 0.92)


def states_of(defect: str) -> tuple[str, ...]:
    """All states that name a defect type, with ``{}`` for the class name."""
    return STATES[defect] + SYNONYMS[defect]


def caption(rng: np.random.Generator, name: str, colour: str, defect: str | None) -> str:
    """A random caption of a picture of a thing in a colour, whole (None) or with a defect."""
    states = INTACT if defect is None else states_of(defect) * 2 + GENERAL
    subject = f"{colour} {name}" if rng.random() < 0.6 else name  # noqa: PLR2004 - the share that names the colour
    return str(rng.choice(FRAMES)).format(str(rng.choice(states)).format(subject))


def colour_name(rgb: NDArray[np.floating]) -> str:
    """What a mean colour [3] in 0..1 is called."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(float(channel) for channel in rgb))
    if value < 0.2:  # noqa: PLR2004
        return "black"
    if saturation < 0.15:  # noqa: PLR2004
        return "white" if value > 0.7 else "gray"  # noqa: PLR2004
    return next((name for name, end in zip(COLOURS, _HUES, strict=False) if hue < end), "red")


def vocabulary() -> list[int]:
    """The pieces of CLIP's vocabulary that occur in the texts, sorted; names of held-out categories are not among
    them.
    """
    names = [category.class_name for name, category in CATEGORIES.items() if name not in HELD_OUT]
    states = [*GENERAL, *INTACT, *(state for defect in STATES for state in states_of(defect))]
    texts = [*names, *SURFACES, *THINGS, *COLOURS, *FRAMES, *states]
    return sorted({piece for text in texts for piece in clip_pieces(text.replace("{}", " "))})
