"""One picture with its mask: paint, spoil, light, and take the photograph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from promptad_db.datasets.synthetic.categories import CATEGORIES, DEFECTS, Category
from promptad_db.datasets.synthetic.fields import SIZE, Canvas, Field, smooth_noise, turned
from promptad_db.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from promptad_db.datasets.synthetic.defects import Defect

VISIBLE = 10 / 255
SMALLEST = 40
TRIES = 30


class InvisibleDefectError(ValueError):
    """A defect that changes too little of a canvas wherever it falls, such as a plain surface that is bent."""


def render(
    category: str, rng: np.random.Generator, defect: str | None = None, look: np.random.Generator | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One picture of a category and its mask, both new arrays: uint8 [240, 240, 3] and bool [240, 240].

    The mask holds the pixels that the defect changed by at least 10 of 255 in some channel, before the camera's
    noise. ``look`` draws what pictures of one dataset share (colours, sizes); without it every picture has its own.
    """
    canvas = known_category(category).paint(rng if look is None else look, rng)
    return photograph(canvas, rng, None if defect is None else DEFECTS[defect])


def photograph(
    canvas: Canvas, rng: np.random.Generator, defect: Defect | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A canvas as picture and mask (see ``render``), spoiled by a defect if one is given.

    Raises InvisibleDefectError if it shows nowhere.
    """
    canvas = replace(canvas, rgb=np.clip(canvas.rgb, 0, 1))
    light = _light(rng)
    clean: Field = np.clip(canvas.rgb * light, 0, 1)
    spoiled, mask = clean, np.zeros((SIZE, SIZE), bool)
    if defect is not None:
        spoiled, mask = _spoil(canvas, clean, light, rng, defect)
    noise = np.float32(rng.uniform(0.005, 0.02)) * rng.standard_normal((SIZE, SIZE, 3), dtype=np.float32)
    return np.rint(np.clip(spoiled + noise, 0, 1) * 255).astype(np.uint8), mask


def known_category(category: str) -> Category:
    """The category of a name; UsageError, which names them all, if there is none."""
    if category not in CATEGORIES:
        raise UsageError(f"no synthetic category {category}", f"choose from {', '.join(CATEGORIES)}")
    return CATEGORIES[category]


def _spoil(
    canvas: Canvas, clean: Field, light: Field, rng: np.random.Generator, defect: Defect
) -> tuple[Field, NDArray[np.bool_]]:
    """Draw the defect anew until enough of it is seen: one may fall on a place where it does not show."""
    for _ in range(TRIES):
        spoiled = np.clip(defect(canvas, rng) * light, 0, 1)
        mask = np.abs(spoiled - clean).max(axis=-1) >= np.float32(VISIBLE)
        if mask.sum() >= SMALLEST:
            return spoiled, mask
    raise InvisibleDefectError(f"{defect.__name__} does not show on this canvas in {TRIES} tries")


def _light(rng: np.random.Generator) -> Field:
    along, _ = turned(rng.uniform(0, 2 * np.pi))
    slope = np.float32(rng.uniform(0, 0.15) / (SIZE / 2))
    light: Field = np.float32(rng.uniform(0.9, 1.08)) + along * slope + np.float32(0.01) * smooth_noise(rng, 3)
    return light[..., None]
