"""Fusion of the semantic and the memory branch: two arrays of scores in, one out."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptad_db.errors import InputError, UsageError
from promptad_db.fusion.rules import RULES

__all__ = ["RULES", "fuse_scores"]


def fuse_scores(rule: str, semantic: ArrayLike, memory: ArrayLike) -> NDArray[Any]:
    """Return the scores of two branches fused by the ``rule`` of this name in `RULES`, element by element.

    ``semantic`` and ``memory`` have one shape, any: images [N] or unrendered maps [N, h, w]. The wider of their floating
    types is computed in and returned, float16 too; integers become float64.

    Raises UsageError for an unknown rule; InputError for shapes that differ, scores that are not finite numbers, and
    scores that the rule is not defined for.
    """
    if rule not in RULES:
        raise UsageError(f"there is no fusion rule {rule!r}", hint=f"Use one of {', '.join(sorted(RULES))}.")
    left, right = np.asarray(semantic), np.asarray(memory)
    if left.shape != right.shape:
        raise InputError(f"semantic scores have the shape {left.shape}, memory scores {right.shape}")
    for branch, scores in (("semantic", left), ("memory", right)):
        if scores.dtype.kind not in "fiub":
            raise InputError(f"{branch} scores must be numbers, not {scores.dtype}")
        if not np.isfinite(scores).all():
            raise InputError(f"{branch} scores must be finite: NaN or an infinity is among them")
    floating = [scores.dtype if scores.dtype.kind == "f" else np.dtype(np.float64) for scores in (left, right)]
    dtype = np.result_type(*floating)
    return np.asarray(RULES[rule](left.astype(dtype, copy=False), right.astype(dtype, copy=False)))
