"""The pictures that the tiny model is trained on: seen categories in any look, and things that have no name.

Every sample is a pair, the same canvas whole and spoiled, so that nothing but the defect tells them apart.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Dataset

from promptad_db.datasets.synthetic import CATEGORIES, HELD_OUT
from promptad_db.datasets.synthetic.categories import DEFECTS
from promptad_db.datasets.synthetic.draw import InvisibleDefectError, photograph
from promptad_db.datasets.synthetic.fields import (
    SIZE,
    Canvas,
    Field,
    blob,
    colour,
    mix,
    relief,
    smooth_noise,
    soft,
    turned,
)
from promptad_db.model.tiny.captions import STRANGE, SURFACES, THINGS, caption, colour_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEEN = tuple(name for name in CATEGORIES if name not in HELD_OUT)
_SEEN_TEXTURES = tuple(name for name in SEEN if CATEGORIES[name].kind == "texture")
_NAMED = 0.6
_INVENTED = 0.45


@dataclass(frozen=True)
class Pair:
    """A whole and a spoiled picture, uint8 [2, 240, 240, 3], the mask bool [240, 240] of the spoiled one, a caption
    of each, and what the thing is called in a prompt.
    """

    images: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    captions: tuple[str, str]
    name: str


class World(Dataset[Pair]):
    """So many pairs; pair i depends on the seed and i alone."""

    def __init__(self, seed: int, length: int) -> None:
        self._seed = seed
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Pair:
        rng = np.random.default_rng([self._seed, index])
        canvas, names = _invented(rng) if rng.random() < _INVENTED else _seen(rng)
        canvas = _recoloured(canvas, rng)
        defects = [name for name in DEFECTS if name != "missing_part" or canvas.material.min() < 1]
        whole, _ = photograph(canvas, rng)
        spoiled, mask, defect = _spoiled(canvas, rng, defects)
        tone = colour_name(whole[canvas.material > 0.5].mean(axis=0) / 255)  # noqa: PLR2004
        captions = (
            caption(rng, str(rng.choice(names)), tone, None),
            caption(rng, str(rng.choice(names)), tone, defect),
        )
        return Pair(np.stack([whole, spoiled]), mask, captions, str(rng.choice(names)))


def turned_pair(pair: Pair, rng: np.random.Generator) -> Pair:
    """A pair turned by quarters and mirrored at random."""
    turns, step = int(rng.integers(4)), int(rng.choice([-1, 1]))
    images = np.rot90(pair.images, turns, (1, 2))[:, :, ::step]
    return replace(pair, images=images.copy(), mask=np.rot90(pair.mask, turns)[:, ::step].copy())


def _spoiled(
    canvas: Canvas, rng: np.random.Generator, defects: list[str]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], str]:
    """Picture, mask and defect type, the first of the shuffled types that shows on the canvas."""
    for defect in rng.permutation(defects):
        with suppress(InvisibleDefectError):
            return *photograph(canvas, rng, DEFECTS[defect]), str(defect)
    raise InvisibleDefectError("no defect shows on this canvas")


def _seen(rng: np.random.Generator) -> tuple[Canvas, tuple[str, ...]]:
    category = CATEGORIES[str(rng.choice(SEEN))]
    general = SURFACES if category.kind == "texture" else THINGS
    names = (category.class_name,) if rng.random() < _NAMED else general + STRANGE
    return category.paint(rng, rng), names


def _invented(rng: np.random.Generator) -> tuple[Canvas, tuple[str, ...]]:
    surface, below = _surface(rng), _surface(rng) * np.float32(rng.uniform(0.1, 0.6))
    if rng.random() < 0.5:  # noqa: PLR2004 - as many surfaces as things
        return Canvas(surface, np.ones((SIZE, SIZE), np.float32), below), SURFACES + STRANGE
    shape = _shape(rng)
    plain = colour(rng, (0, 1), (0, 0.4), (0.05, 0.95)) * (1 + np.float32(0.03) * smooth_noise(rng, 6))[..., None]
    ground = plain if rng.random() < 0.7 else below  # noqa: PLR2004 - most things lie on a plain ground
    lit = surface * relief(shape, rng.uniform(4, 30), rng.uniform(0, 6.3))[..., None]
    material = soft(shape)
    return Canvas(mix(ground, lit, material), material, np.broadcast_to(ground, (SIZE, SIZE, 3))), THINGS + STRANGE


def _surface(rng: np.random.Generator) -> Field:
    """Two seen textures, or a texture and plain colour or stripes, blended or side by side."""
    one = CATEGORIES[str(rng.choice(_SEEN_TEXTURES))].paint(rng, rng).rgb
    kind = rng.integers(4)
    if kind == 0:
        other = CATEGORIES[str(rng.choice(_SEEN_TEXTURES))].paint(rng, rng).rgb
    elif kind == 1:
        u, _ = turned(rng.uniform(0, np.pi))
        bars = soft(np.sin(u * np.float32(2 * np.pi / rng.uniform(8, 50))), 0.4)
        other = mix(colour(rng, (0, 1), (0, 0.8), (0.1, 0.9)), colour(rng, (0, 1), (0, 0.8), (0.1, 0.9)), bars)
    else:
        other = np.broadcast_to(colour(rng, (0, 1), (0, 0.8), (0.1, 0.95)), (SIZE, SIZE, 3))
    spread = smooth_noise(rng, int(rng.integers(3, 40))) * np.float32(rng.choice([0, 0, 0.5]))
    blended = mix(one, other, np.clip(np.float32(rng.uniform(0, 1)) + spread, 0, 1))
    if rng.random() < 0.3:  # noqa: PLR2004 - some are seen from half the distance
        blended = blended[:120, :120].repeat(2, axis=0).repeat(2, axis=1)
    return np.rot90(blended, int(rng.integers(4)))


def _shape(rng: np.random.Generator) -> Field:
    """An outline, smooth or with corners, some with openings: a distance in pixels, positive inside."""
    centre = tuple(rng.uniform(-12, 12, 2))
    if rng.random() < 0.5:  # noqa: PLR2004 - half are smooth
        shape = blob(rng, centre, rng.uniform(65, 95), 0.12)
    else:
        u, v = turned(rng.uniform(0, np.pi), centre)
        width, height = rng.uniform(45, 95, 2)
        shape = np.minimum(np.float32(width) - np.abs(u), np.float32(height) - np.abs(v))
        sides = rng.uniform(0.6, 1.4, int(rng.integers(0, 3)))
        for angle in sides:
            w, _ = turned(angle, centre)
            shape = np.minimum(shape, np.float32(rng.uniform(50, 90)) - np.abs(w))
    for _ in range(int(rng.choice([0, 0, 1, 2, 4]))):
        away = np.hypot(*turned(0, (centre[0] + rng.normal(0, 30), centre[1] + rng.normal(0, 30))))
        shape = np.minimum(shape, away - np.float32(rng.uniform(6, 22)))
    return shape


def _recoloured(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Channels in any order, sometimes as a negative: defects must not be known by the colour of what they spoil."""
    order = rng.permutation(3)
    rgb, background = canvas.rgb[..., order], canvas.background[..., order]
    if rng.random() < 0.2:  # noqa: PLR2004
        rgb, background = 1 - np.clip(rgb, 0, 1), 1 - background
    return Canvas(rgb, canvas.material, background)
