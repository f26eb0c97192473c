"""The rules that make one score of a semantic and a memory score, element by element, in the precision they come in.

A new rule is a function of two arrays of one shape and floating type, entered in `RULES` under its branch name.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptad_db.errors import InputError

Rule = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


def maximum(semantic: NDArray[Any], memory: NDArray[Any]) -> NDArray[Any]:
    """Return the higher score: anomalous is what either branch finds anomalous."""
    fused: NDArray[Any] = np.maximum(semantic, memory)
    return fused


def harmonic(semantic: NDArray[Any], memory: NDArray[Any]) -> NDArray[Any]:
    """Return ``1 / (1/s + 1/m)``, zero where either is zero: both branches must agree (Li et al., CVPR 2024).

    This is PromptAD's formula, half the usual harmonic mean. Raises InputError for negative scores, where it has a pole.
    """
    if min(semantic.min(initial=0), memory.min(initial=0)) < 0:
        raise InputError("harmonic fusion is for scores of zero and above; a negative score is among them")
    # The absolute value turns -0.0, whose reciprocal could cancel that of 0.0, into 0.0.
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        fused: NDArray[Any] = 1 / (1 / np.abs(semantic) + 1 / np.abs(memory))
    return fused


def mean(semantic: NDArray[Any], memory: NDArray[Any]) -> NDArray[Any]:
    """Return the mean of the two scores; they are on scales of their own, and the wider one outweighs the other."""
    fused: NDArray[Any] = (semantic + memory) / 2
    return fused


def weighted(share: float) -> Rule:
    """Return the rule ``share x semantic + (1 - share) x memory``, with ``share`` in 0..1."""

    def fused(semantic: NDArray[Any], memory: NDArray[Any]) -> NDArray[Any]:
        # Python numbers take the precision of the arrays, float16 too.
        mixed: NDArray[Any] = share * semantic + (1 - share) * memory
        return mixed

    return fused


RULES: dict[str, Rule] = {"max": maximum, "harmonic": harmonic, "mean": mean}
