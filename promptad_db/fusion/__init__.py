"""Fusion of the semantic and the memory branch: two arrays of scores in, one out."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptad_db.errors import InputError, UsageError
from promptad_db.fusion.recipes import FUSED_NOTE
from promptad_db.fusion.rules import RULES, Rule
from promptad_db.precision import as_array, as_doubles, as_floats, shortest

__all__ = ["FUSED_NOTE", "RULES", "fuse_scores"]


def fuse_scores(rule: str | Rule, semantic: ArrayLike, memory: ArrayLike) -> NDArray[Any]:
    """Return the scores of two branches fused by a ``rule``, the name of one in `RULES` or a function of two arrays.

    ``semantic`` and ``memory`` have one shape, any: images [N] or unrendered maps [N, h, w]. The wider of their floating
    types is computed in and returned, float16 too; integers become float64.

    Raises UsageError for an unknown rule; InputError for shapes that differ, scores that are not finite numbers, scores
    that the rule is not defined for, and a function that fails, or whose answer has another shape or is not finite.
    """
    if isinstance(rule, str) and rule not in RULES:
        raise UsageError(f"there is no fusion rule {rule!r}", hint=f"Use one of {', '.join(sorted(RULES))}.")
    left, right = as_array(semantic, "semantic scores"), as_array(memory, "memory scores")
    if left.shape != right.shape:
        raise InputError(f"semantic scores have the shape {left.shape}, memory scores {right.shape}")
    for branch, scores in (("semantic", left), ("memory", right)):
        if scores.dtype.kind not in "fiub":
            raise InputError(f"{branch} scores must be numbers, not {scores.dtype}")
        if not np.isfinite(scores).all():
            raise InputError(f"{branch} scores must be finite: NaN or an infinity is among them")
    left, right = (
        scores if scores.dtype.kind == "f" else as_floats(scores, f"{branch} scores")
        for branch, scores in (("semantic", left), ("memory", right))
    )
    dtype = np.result_type(left, right)
    left, right = left.astype(dtype, copy=False), right.astype(dtype, copy=False)
    return np.asarray(RULES[rule](left, right)) if isinstance(rule, str) else _answer(rule, left, right)


def _answer(rule: Rule, semantic: NDArray[Any], memory: NDArray[Any]) -> NDArray[Any]:
    """What a function makes of the branches, which it cannot change, if that can be believed."""
    branches = semantic.view(), memory.view()
    for branch in branches:
        branch.flags.writeable = False
    try:
        made = rule(*branches)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"the rule fails: {type(error).__name__}: {error}") from error
    fused = as_array(made, "what the rule makes")
    if fused.shape != semantic.shape:
        raise InputError(
            f"the rule makes the shape {fused.shape} of scores of the shape {semantic.shape}",
            "it must give one score for each score",
        )
    if fused.dtype.kind not in "fiub":
        raise InputError(f"the rule makes {fused.dtype}, must make numbers")
    if fused.dtype != semantic.dtype:
        fused = shortest(as_doubles(fused, "the rule's scores"), semantic.dtype)
    if not np.isfinite(fused).all():
        raise InputError("the rule makes NaN or infinite scores")
    return fused
