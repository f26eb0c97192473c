"""Masks as run lengths, as masks.parquet holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def encode_mask(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Run lengths of a row-major mask [H, W], starting with the (maybe empty) run of zeros."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate(([0], edges, [flat.size])))
    return np.concatenate(([0], lengths)) if flat[0] else lengths


def decode_mask(run_lengths: NDArray[np.int64], height: int, width: int) -> NDArray[np.bool_]:
    """The mask [height, width] of run lengths; a ValueError when they do not fill it."""
    if height < 1 or width < 1 or (run_lengths < 0).any():
        raise ValueError(f"run lengths do not fill {height} x {width} pixels")
    # A run longer than the mask is refused before the sum, which could overflow to the right number.
    if (run_lengths > height * width).any() or int(run_lengths.sum()) != height * width:
        raise ValueError(f"run lengths do not fill {height} x {width} pixels")
    values = np.arange(run_lengths.size) % 2 == 1
    return np.repeat(values, run_lengths).reshape(height, width)
