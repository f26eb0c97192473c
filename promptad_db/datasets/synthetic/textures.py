"""Surfaces that fill the picture.

A painter takes two generators: ``look`` draws what all pictures of a category share (colours, pitch), ``rng`` what
differs from picture to picture (position, turn, grain).
"""

from __future__ import annotations

import numpy as np

from promptad_db.datasets.synthetic.fields import (
    SIZE,
    Canvas,
    Colour,
    Field,
    colour,
    fractal_noise,
    mix,
    smooth_noise,
    soft,
    turned,
)

ONE = np.float32(1)


def weave(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """Threads over and under each other, the two directions in tones of one colour."""
    pitch = look.uniform(9, 17)
    warp = colour(look, (0, 1), (0.1, 0.6), (0.45, 0.9))
    weft = warp * np.float32(look.uniform(0.65, 0.95))
    u, v = turned(look.uniform(-0.3, 0.3) + rng.normal(0, 0.04), tuple(rng.uniform(-pitch, pitch, 2)))
    u = (u + smooth_noise(rng, 8)) / np.float32(pitch)
    v = (v + smooth_noise(rng, 8)) / np.float32(pitch)
    over = (np.floor(u) + np.floor(v)) % 2 == 0
    profile = np.abs(np.sin(np.float32(np.pi) * np.where(over, u, v)))
    threads = np.where(over[..., None], warp, weft)
    return whole(threads * (np.float32(0.5) + np.float32(0.5) * profile)[..., None], np.float32(0.2) * warp)


def leather(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """Fine creases around small bulges."""
    skin = colour(look, (-0.05, 0.12), (0.3, 0.8), (0.3, 0.8))
    bulges = np.abs(smooth_noise(rng, int(look.integers(36, 64))))
    shade = np.float32(0.62) + np.float32(0.38) * np.clip(bulges * 2, 0, 1) + np.float32(0.05) * fractal_noise(rng, 4)
    return whole(skin * shade[..., None], np.float32(0.15) * skin)


def tile(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """Chips of two colours in a plain ground."""
    ground = colour(look, (0, 1), (0.0, 0.2), (0.55, 0.85))
    dark = ground * np.float32(look.uniform(0.35, 0.6))
    light = mix_colour(ground, 0.6)
    cells = int(look.integers(24, 44))
    chips = mix(whole_field(ground), dark, soft(smooth_noise(rng, cells) - ONE, 0.25))
    return whole(mix(chips, light, soft(smooth_noise(rng, cells) - np.float32(1.1), 0.25)), np.float32(0.3) * ground)


def wood(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """Rings and fibres along the board."""
    pale = colour(look, (0.05, 0.11), (0.35, 0.65), (0.6, 0.9))
    dark = pale * np.float32(look.uniform(0.55, 0.8))
    _, v = turned(rng.normal(0, 0.06), (0, rng.uniform(-30, 30)))
    rings = np.sin((v + 6 * smooth_noise(rng, 6, 3)) * np.float32(2 * np.pi / look.uniform(14, 32)))
    fibres = smooth_noise(rng, 120, 6)
    amount = np.clip(np.float32(0.45) + np.float32(0.35) * rings + np.float32(0.15) * fibres, 0, 1)
    return whole(mix(pale, dark, amount), np.float32(0.25) * dark)


def grid(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """A wire mesh over a plain ground."""
    pitch, width = look.uniform(18, 30), look.uniform(4, 8)
    ground = colour(look, (0, 1), (0.0, 0.3), (0.1, 0.3))
    wire = colour(look, (0, 1), (0.0, 0.25), (0.6, 0.9))
    u, v = turned(look.uniform(0.3, 1.2) + rng.normal(0, 0.04), tuple(rng.uniform(-pitch, pitch, 2)))
    across = np.minimum(_to_line(u, pitch), _to_line(v, pitch))
    bars = soft(np.float32(width / 2) - across)
    shade = np.float32(1.1) - np.float32(0.5) * (across / np.float32(width)) ** 2
    ground_field = whole_field(ground)
    return Canvas(mix(ground_field, wire * shade[..., None], bars), bars, ground_field)


def marble(look: np.random.Generator, rng: np.random.Generator) -> Canvas:
    """Clouds and veins in a light stone."""
    stone = colour(look, (0, 1), (0.0, 0.25), (0.65, 0.9))
    vein = stone * np.float32(look.uniform(0.5, 0.75))
    veins = np.clip(ONE - np.abs(fractal_noise(rng, 4)) * np.float32(look.uniform(3.0, 6.0)), 0, 1)
    clouds = ONE + np.float32(0.06) * fractal_noise(rng, 5)
    return whole(mix(whole_field(stone), vein, veins) * clouds[..., None], np.float32(0.3) * vein)


def whole(rgb: Field, below: Colour) -> Canvas:
    """A canvas that is material everywhere; a hole in it shows the colour ``below``."""
    return Canvas(rgb, np.ones((SIZE, SIZE), np.float32), whole_field(below))


def whole_field(one: Colour) -> Field:
    """One colour [3] as a picture [240, 240, 3]."""
    return np.broadcast_to(one, (SIZE, SIZE, 3))


def mix_colour(one: Colour, towards_white: float) -> Colour:
    """A colour [3] brought nearer to white."""
    lighter: Colour = one + (ONE - one) * np.float32(towards_white)
    return lighter


def _to_line(u: Field, pitch: float) -> Field:
    phase = u / np.float32(pitch)
    away: Field = np.abs(phase - np.rint(phase)) * np.float32(pitch)
    return away
