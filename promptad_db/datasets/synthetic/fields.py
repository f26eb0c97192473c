"""Scalar fields and colours on the 240 x 240 canvas: what textures, objects and defects are drawn with."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIZE = 240

Field = NDArray[np.floating[Any]]
Colour = NDArray[np.float32]
Range = tuple[float, float]

_ROWS, _COLUMNS = (axis.astype(np.float32) - np.float32((SIZE - 1) / 2) for axis in np.mgrid[:SIZE, :SIZE])


@dataclass(frozen=True)
class Canvas:
    """A clean picture: colours [240, 240, 3] in 0..1, how much of a pixel is material [240, 240] in 0..1, and what
    shows where the material is missing [240, 240, 3].
    """

    rgb: Field
    material: Field
    background: Field


Painter = Callable[[np.random.Generator, np.random.Generator], Canvas]


def turned(angle: float, centre: tuple[float, float] = (0.0, 0.0)) -> tuple[Field, Field]:
    """Coordinates u, v [240, 240] in pixels around a centre (given from the middle of the image), turned by radians."""
    x, y = _COLUMNS - np.float32(centre[0]), _ROWS - np.float32(centre[1])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x + sin * y, cos * y - sin * x


@cache
def _upsampling(cells: int) -> Field:
    position = np.linspace(0, cells - 1, SIZE)
    left = np.minimum(position.astype(int), cells - 2)
    fraction = position - left
    weight = fraction * fraction * (3 - 2 * fraction)
    matrix = np.zeros((SIZE, cells), np.float32)
    matrix[np.arange(SIZE), left] = 1 - weight
    matrix[np.arange(SIZE), left + 1] = weight
    return matrix


def smooth_noise(rng: np.random.Generator, rows: int, columns: int | None = None) -> Field:
    """Noise [240, 240] of about unit variance that varies over 240 / rows (240 / columns) pixels."""
    columns = rows if columns is None else columns
    lattice = rng.standard_normal((rows, columns), dtype=np.float32)
    noise: Field = np.float32(1.4) * (_upsampling(rows) @ lattice @ _upsampling(columns).T)
    return noise


def fractal_noise(rng: np.random.Generator, cells: int, octaves: int = 4) -> Field:
    """Noise [240, 240] with detail at several scales, each half as wide and half as strong as the one before."""
    return sum(
        (smooth_noise(rng, min(cells * 2**octave, SIZE)) * np.float32(0.5**octave) for octave in range(octaves)),
        np.zeros((SIZE, SIZE), np.float32),
    )


def soft(distance: Field, softness: float = 1.0) -> Field:
    """How much of a pixel lies inside [240, 240], from a distance in pixels that is positive inside."""
    inside: Field = np.clip(distance / np.float32(softness) + np.float32(0.5), 0, 1)
    return inside


def mix(below: Field, above: Field, amount: Field) -> Field:
    """``above`` laid over ``below`` (each [240, 240, 3] or one colour [3]) by an amount [240, 240] in 0..1."""
    mixed: Field = below + (above - below) * amount[..., None]
    return mixed


def colour(rng: np.random.Generator, hue: Range, saturation: Range, value: Range) -> Colour:
    """One colour [3] in 0..1, drawn from ranges of hue, saturation and value."""
    hsv = (rng.uniform(*hue) % 1.0, rng.uniform(*saturation), rng.uniform(*value))
    return np.array(colorsys.hsv_to_rgb(*hsv), np.float32)


def relief(distance: Field, bevel: float, light: float) -> Field:
    """Brightness [240, 240] around 1 of an edge rounded over ``bevel`` pixels, lit from the angle ``light``."""
    height = np.sqrt(np.clip(distance / np.float32(bevel), 0, 1))
    down, right = np.gradient(height)
    slope = right * np.float32(np.cos(light)) + down * np.float32(np.sin(light))
    brightness: Field = np.clip(1 + np.float32(2.5) * slope, np.float32(0.5), np.float32(1.5))
    return brightness


def blob(rng: np.random.Generator, centre: tuple[float, float], radius: float, roughness: float) -> Field:
    """A distance [240, 240] in pixels, positive inside an irregular, somewhat stretched spot."""
    u, v = turned(rng.uniform(0, np.pi), centre)
    v = v * np.float32(rng.uniform(1.0, 1.8))
    theta = np.arctan2(v, u)
    edge = np.ones_like(u)
    for order in range(2, 6):
        edge += np.float32(roughness * rng.normal() / order) * np.cos(order * theta + np.float32(rng.uniform(0, 6.3)))
    distance: Field = np.float32(radius) * edge - np.hypot(u, v)
    return distance


def walk(rng: np.random.Generator, start: tuple[float, float], length: float, unrest: float) -> NDArray[np.float64]:
    """Points [n, 2] (x, y from the middle of the image) half a pixel apart on a line that bends at random."""
    steps = max(int(2 * length), 2)
    bend = ndimage.gaussian_filter1d(rng.normal(size=steps), 6.0) * unrest
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(bend)
    path = np.cumsum(0.5 * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
    points: NDArray[np.float64] = path - path[steps // 2] + np.array(start)
    return points


def distance_to(points: NDArray[np.float64]) -> Field:
    """The distance [240, 240] in pixels to the nearest of the points [n, 2], as far as they lie on the canvas."""
    columns, rows = np.rint(points + (SIZE - 1) / 2).astype(int).T
    inside = (columns >= 0) & (columns < SIZE) & (rows >= 0) & (rows < SIZE)
    away = np.ones((SIZE, SIZE), bool)
    away[rows[inside], columns[inside]] = False
    distance: Field = ndimage.distance_transform_edt(away).astype(np.float32)
    return distance
