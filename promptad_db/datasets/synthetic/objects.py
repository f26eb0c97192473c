"""Single things on a plain ground; painters as in ``textures``."""

from __future__ import annotations

import numpy as np

from promptad_db.datasets.synthetic.fields import (
    Canvas,
    Field,
    colour,
    fractal_noise,
    mix,
    relief,
    smooth_noise,
    soft,
    turned,
)
from promptad_db.datasets.synthetic.textures import mix_colour, whole_field


def nut(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """A hexagonal metal nut."""
    u, v = _placed(rng, np.pi)
    outer, hole = look.uniform(68, 82), look.uniform(28, 40)
    sides = [np.abs(u * np.float32(np.cos(a)) + v * np.float32(np.sin(a))) for a in (0, np.pi / 3, 2 * np.pi / 3)]
    shape = np.minimum(np.float32(outer) - np.maximum.reduce(sides), np.hypot(u, v) - np.float32(hole))
    metal = colour(look, (0.08, 0.16), (0.02, 0.4), (0.55, 0.8))
    brushed = 1 + np.float32(0.04) * smooth_noise(rng, 10, 120)
    return _on_ground(look, rng, shape, metal * (brushed * relief(shape, 12, look.uniform(0, 6.3)))[..., None])


def capsule(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """A capsule of two colours, lying nearly level."""
    u, v = _placed(rng, 0.25)
    half, radius = look.uniform(45, 60), look.uniform(28, 38)
    shape = np.float32(radius) - np.hypot(np.maximum(np.abs(u) - np.float32(half), 0), v)
    left = colour(look, (0, 1), (0.4, 0.9), (0.5, 0.9))
    right = mix_colour(left, look.uniform(0.6, 0.9))
    shell = mix(whole_field(left), right, soft(u))
    shine = np.exp(-(((v + np.float32(radius / 2)) / 6) ** 2)) * np.float32(0.35)
    return _on_ground(look, rng, shape, shell * relief(shape, radius, 1.6)[..., None] + shine[..., None])


def button(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """A round button with a rim and two or four holes."""
    u, v = _placed(rng, np.pi)
    radius, holes = look.uniform(72, 90), int(look.choice([2, 4]))
    away = np.hypot(u, v)
    shape = np.float32(radius) - away
    for k in range(holes):
        x, y = 20 * np.cos(2 * np.pi * k / holes), 20 * np.sin(2 * np.pi * k / holes)
        shape = np.minimum(shape, np.hypot(u - np.float32(x), v - np.float32(y)) - np.float32(8))
    plastic = colour(look, (0, 1), (0.3, 0.8), (0.4, 0.9))
    rim = 1 - np.float32(0.25) * np.exp(-(((away - np.float32(radius - 16)) / 3) ** 2))
    return _on_ground(look, rng, shape, plastic * (rim * relief(shape, 8, look.uniform(0, 6.3)))[..., None])


def biscuit(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """A baked square with rounded corners and rows of pricks."""
    u, v = _placed(rng, 0.2)
    half, pitch = look.uniform(66, 78), look.uniform(26, 36)
    corner = np.float32(half - 14)
    shape = 14 - np.hypot(np.maximum(np.abs(u) - corner, 0), np.maximum(np.abs(v) - corner, 0))
    dough = colour(look, (0.07, 0.12), (0.4, 0.65), (0.7, 0.9))
    pricks = [np.abs(w / np.float32(pitch) - np.rint(w / np.float32(pitch))) * np.float32(pitch) for w in (u, v)]
    shade = (1 + np.float32(0.06) * fractal_noise(rng, 8)) * relief(shape, 20, 0.8)
    dark = np.float32(0.55) * soft(3 - np.hypot(*pricks)) * soft(shape - 8)
    return _on_ground(look, rng, shape, dough * (shade * (1 - dark))[..., None])


def gear(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """A toothed wheel with a hole."""
    u, v = _placed(rng, np.pi)
    teeth, radius, hole = int(look.integers(12, 22)), look.uniform(70, 80), look.uniform(14, 26)
    away, theta = np.hypot(u, v), np.arctan2(v, u)
    outline = np.float32(radius) + 7 * np.clip(3 * np.sin(teeth * theta), -1, 1)
    shape = np.minimum(outline - away, away - np.float32(hole))
    metal = colour(look, (0.5, 0.7), (0.02, 0.25), (0.5, 0.75))
    ring = 1 - np.float32(0.2) * soft(8 - np.abs(away - np.float32(radius * 0.6)))
    return _on_ground(look, rng, shape, metal * (ring * relief(shape, 8, look.uniform(0, 6.3)))[..., None])


def chip(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """A dark body with rows of bright pins and a mark in one corner."""
    u, v = _placed(rng, 0.12)
    width, height, pitch = look.uniform(66, 82), look.uniform(36, 50), look.uniform(16, 24)
    body = np.minimum(np.float32(width) - np.abs(u), np.float32(height) - np.abs(v))
    row = np.abs(u / np.float32(pitch) - np.rint(u / np.float32(pitch))) * np.float32(pitch)
    pins = np.minimum.reduce(
        [np.float32(pitch / 4) - row, np.float32(height + 20) - np.abs(v), np.float32(width - 6) - np.abs(u)]
    )
    plastic = colour(look, (0.5, 0.8), (0.0, 0.3), (0.18, 0.35))
    metal = colour(look, (0.1, 0.6), (0.0, 0.15), (0.65, 0.85))
    mark = soft(6 - np.hypot(u + np.float32(width - 16), v + np.float32(height - 16)))
    top = mix(plastic * relief(body, 8, look.uniform(0, 6.3))[..., None], np.float32(2) * plastic, mark)
    return _on_ground(look, rng, np.maximum(body, pins), mix(whole_field(metal), top, soft(body)))


def _placed(rng: np.random.Generator, turn: float) -> tuple[Field, Field]:
    return turned(rng.uniform(-turn, turn), tuple(rng.uniform(-10, 10, 2)))


def _on_ground(look: np.random.Generator, rng: np.random.Generator, shape: Field, surface: Field) -> Canvas:
    plain = colour(look, (0, 1), (0.0, 0.2), (0.1, 0.9))
    ground = plain * (1 + np.float32(0.02) * smooth_noise(rng, 6))[..., None]
    material = soft(shape)
    return Canvas(mix(ground, surface, material), material, ground)
