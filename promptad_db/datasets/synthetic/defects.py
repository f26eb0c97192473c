"""What goes wrong with a surface or a thing: each defect takes a clean canvas and returns spoiled colours.

Strength and size are drawn wide, so that some defects are plain and some hardly visible.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from promptad_db.datasets.synthetic.fields import (
    SIZE,
    Canvas,
    Colour,
    Field,
    blob,
    colour,
    distance_to,
    mix,
    soft,
    turned,
    walk,
)

Defect = Callable[[Canvas, np.random.Generator], Field]


def scratch(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A thin line, lighter or darker than the surface."""
    line = soft(
        np.float32(rng.uniform(0.7, 1.8)) - distance_to(walk(rng, _spot(canvas, rng), rng.uniform(40, 130), 0.05))
    )
    return _toned(canvas, line, _contrast(rng, 0.15, 0.5))


def cut(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A gash that gapes in the middle, with a light lip."""
    path = walk(rng, _spot(canvas, rng), rng.uniform(30, 80), 0.04)
    away = distance_to(path)
    middle = np.hypot(*turned(0, tuple(path[len(path) // 2])))
    gape = np.float32(rng.uniform(2.5, 5)) * np.clip(1 - middle / np.float32(len(path) / 4), 0, 1) + np.float32(0.5)
    lip = _toned(canvas, soft(gape + 2 - away), rng.uniform(0.1, 0.3))
    return _over(canvas, mix(lip, canvas.background, soft(gape - away) * np.float32(0.9)))


def crack(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A restless dark line with branches."""
    trunk = walk(rng, _spot(canvas, rng), rng.uniform(50, 120), 0.35)
    joints = rng.integers(0, len(trunk), int(rng.integers(1, 4)))
    twigs = [walk(rng, tuple(trunk[joint]), rng.uniform(15, 50), 0.35) for joint in joints]
    line = soft(np.float32(rng.uniform(0.8, 2.0)) - distance_to(np.concatenate([trunk, *twigs])))
    return _toned(canvas, line, -rng.uniform(0.25, 0.7))


def hole(canvas: Canvas, rng: np.random.Generator) -> Field:
    """An opening through which the ground shows, with a shaded edge."""
    shape = blob(rng, _spot(canvas, rng), rng.uniform(5, 16), 0.25)
    edge = _toned(canvas, soft(shape + 3, 3), -rng.uniform(0.1, 0.3))
    return _over(canvas, mix(edge, canvas.background, soft(shape, 2)))


def stain(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A spot of another tone through which the surface is still seen."""
    shape = blob(rng, _spot(canvas, rng), rng.uniform(12, 34), 0.3)
    tint = colour(rng, (0, 1), (0.2, 0.9), (0.3, 0.9))
    amount = soft(shape, rng.uniform(2, 10)) * np.float32(rng.uniform(0.25, 0.7))
    return _over(canvas, mix(canvas.rgb, canvas.rgb * tint, amount))


def contamination(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Foreign grains in a group."""
    x, y = _spot(canvas, rng)
    dirt = _standing_out(canvas, (x, y), rng)
    spoiled = canvas.rgb
    for _ in range(int(rng.integers(2, 8))):
        place = (x + rng.normal(0, 14), y + rng.normal(0, 14))
        spoiled = mix(spoiled, dirt, soft(blob(rng, place, rng.uniform(2, 7), 0.3)) * np.float32(0.85))
    return _over(canvas, spoiled)


def thread(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A loose fibre of another colour lying on the surface."""
    start = _spot(canvas, rng)
    away = distance_to(walk(rng, start, rng.uniform(50, 140), 0.2))
    radius = np.float32(rng.uniform(1.0, 2.5))
    shade = np.float32(0.6) + np.float32(0.4) * np.clip(1 - away / (radius + 1), 0, 1)
    return mix(canvas.rgb, _standing_out(canvas, start, rng) * shade[..., None], soft(radius - away))


def fold(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A crease: one side catches the light, the other lies in shadow."""
    u, v = turned(rng.uniform(0, np.pi), _spot(canvas, rng))
    width, half = np.float32(rng.uniform(4, 10)), np.float32(rng.uniform(40, 110))
    along = soft(half - np.abs(u), 20)
    side = -v / width * np.exp(np.float32(0.5) - (v / width) ** 2 / 2)
    return _toned(canvas, along * np.abs(side), np.sign(side) * np.float32(rng.uniform(0.2, 0.5)))


def missing_part(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A piece broken off at the edge: the ground shows in its place."""
    partly = np.argwhere(ndimage.grey_erosion(canvas.material, 3) < np.minimum(canvas.material, np.float32(0.5)))
    row, column = partly[rng.integers(len(partly))] - (SIZE - 1) / 2
    shape = blob(rng, (column, row), rng.uniform(10, 24), 0.25)
    return mix(canvas.rgb, canvas.background, soft(shape) * (canvas.material > 0))


def bent(canvas: Canvas, rng: np.random.Generator) -> Field:
    """A part of the picture pushed aside."""
    u, v = turned(0, _spot(canvas, rng))
    reach, push, angle = rng.uniform(16, 30), rng.uniform(7, 14), rng.uniform(0, 2 * np.pi)
    amount = np.exp(-(((u * u + v * v) / np.float32(reach**2)) ** 2)) * np.float32(push)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    source = np.stack([rows + amount * np.float32(np.sin(angle)), columns + amount * np.float32(np.cos(angle))])
    channels = [ndimage.map_coordinates(canvas.rgb[..., k], source, order=1, mode="nearest") for k in range(3)]
    return np.stack(channels, axis=-1)


def _spot(canvas: Canvas, rng: np.random.Generator) -> tuple[float, float]:
    """A point of the material, x and y from the middle of the image, away from the border."""
    inner = canvas.material[20:-20, 20:-20].ravel() > np.float32(0.9)
    place = int(rng.choice(np.flatnonzero(inner)))
    row, column = divmod(place, SIZE - 40)
    return column + 20 - (SIZE - 1) / 2, row + 20 - (SIZE - 1) / 2


def _over(canvas: Canvas, spoiled: Field) -> Field:
    return mix(canvas.rgb, spoiled, canvas.material)


def _toned(canvas: Canvas, amount: Field, contrast: float | Field) -> Field:
    """Brightness changed by ``contrast`` (-1..1) of the full scale where ``amount`` is one."""
    return np.clip(canvas.rgb + (amount * canvas.material * np.float32(1) * contrast)[..., None], 0, 1)


def _contrast(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.choice([-1, 1]) * rng.uniform(low, high))


def _standing_out(canvas: Canvas, place: tuple[float, float], rng: np.random.Generator) -> Colour:
    """A colour that differs clearly from the surface at a place."""
    column, row = (round(c + (SIZE - 1) / 2) for c in place)
    here = canvas.rgb[row, column]
    while True:
        other = colour(rng, (0, 1), (0.0, 0.9), (0.1, 1.0))
        if np.abs(other - here).max() > np.float32(0.3):
            return other
