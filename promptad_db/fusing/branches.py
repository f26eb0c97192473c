"""From the two branches of a category to a fused one with its exact numbers, and that into what is stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.fusion import fuse_scores
from promptad_db.fusion.by_type import branches_by_type
from promptad_db.fusion.calibration import calibrator
from promptad_db.fusion.gate import hard
from promptad_db.fusion.recipes import BY_TYPE_BOUND
from promptad_db.records import BRANCHES, CategoryResult, Level, Metric
from promptad_db.scoring import Measured, image_numbers, joined, pixel_numbers, render_maps, truth_note

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from promptad_db.fusion.gate import Gate
    from promptad_db.fusion.recipes import Recipe
    from promptad_db.metrics import PixelTruth
    from promptad_db.records import Render

SHARE_METRIC = "semantic_share"
_SAME = 1e-9

Pair = tuple["NDArray[Any]", "NDArray[Any]"]


@dataclass(frozen=True)
class FusedBranch:
    """A branch that a recipe made: image ``scores`` [N] and, where both branches have maps, ``maps`` [N, h, w].

    The oracle has two maps in place of one: a normal pixel takes the rendered ``maps``, an anomalous one ``upper``.
    ``share`` is the mean weight that a gate gave to the semantic branch.
    """

    recipe: Recipe
    note: str
    scores: NDArray[np.float64]
    maps: NDArray[Any] | None
    upper: NDArray[Any] | None = None
    gate: Gate | None = None
    share: float | None = None

    @property
    def branch(self) -> str:
        """The name that it is stored under."""
        return self.recipe.branch


def check_branches(result: CategoryResult) -> None:
    """Refuse a category that does not hold the scores of both branches, or maps of one branch alone."""
    missing = [branch for branch in BRANCHES if branch not in result.scores]
    if missing:
        raise InputError(
            f"has no scores of branch {' and '.join(missing)}", f"its branches are {_named(result.scores)}"
        )
    without_maps = [branch for branch in BRANCHES if branch not in result.maps]
    if result.maps and len(without_maps) == 1:
        raise InputError(f"has no maps of branch {without_maps[0]}", f"its maps are of {_named(result.maps)}")


def fuse_branches(
    recipe: Recipe, result: CategoryResult, shots: Mapping[str, NDArray[Any]], learned: tuple[Gate, Any] | None = None
) -> FusedBranch:
    """The fused branch of a category, which holds both branches.

    ``shots`` are the support images' self-scores by branch, for calibrations that need them; ``learned`` is the gate and the
    weight [N] that it gives to the semantic branch, for recipes that need it. Raises InputError with the reason why the
    branch cannot be made.
    """
    scores = result.scores["semantic"], result.scores["memory"]
    maps = (result.maps["semantic"], result.maps["memory"]) if set(BRANCHES) <= set(result.maps) else None
    if maps is not None and maps[0].shape != maps[1].shape:
        raise InputError(
            "the maps of semantic and memory differ in shape", f"they are {maps[0].shape[1:]} and {maps[1].shape[1:]}"
        )
    scores, maps = _calibrated(recipe, scores, maps, shots)
    if recipe.kind == "oracle":
        return _oracle(recipe, result, scores, maps)
    if recipe.kind == "elementwise":
        return FusedBranch(recipe, recipe.note, _apply(recipe, scores), None if maps is None else _apply(recipe, maps))
    if recipe.kind == "by-type":
        if result.defect_types is None:
            raise InputError("the defect types of its images are not stored", "by-type chooses by them")
        picked = branches_by_type(result.defect_types)
        return FusedBranch(recipe, recipe.note, _pick(scores, picked), None if maps is None else _pick(maps, picked))
    assert learned is not None
    gate, weights = learned
    if recipe.kind == "gate-hard":
        weights = hard(weights)
    note = f"{recipe.note}; {gate.note()}"
    mixed = None if maps is None else _mix(maps, weights)
    return FusedBranch(recipe, note, _mix(scores, weights), mixed, gate=gate, share=float(weights.mean()))


def measure(
    fused: FusedBranch, result: CategoryResult, settings: Render | None, truth: PixelTruth | None, level: Level
) -> list[Measured]:
    """Every exact number of a fused branch; ``level`` is the task's own, at which a gate's share is stored."""
    measured: list[Measured] = []
    if result.labels is not None:
        note = f"{fused.note}; {BY_TYPE_BOUND}" if fused.recipe.kind == "by-type" else fused.note
        measured.append(image_numbers(fused.branch, fused.scores, result.labels.astype(bool), note))
    if truth is not None and settings is not None and fused.maps is not None:
        pixels = render_maps(fused.maps, settings)
        if fused.upper is not None:
            pixels = np.where(truth.masks, render_maps(fused.upper, settings), pixels)
        measured.append(pixel_numbers(fused.branch, pixels, truth, joined(fused.note, truth_note(result))))
    if fused.share is not None:
        measured.append(
            Measured([Metric(level, fused.branch, SHARE_METRIC, fused.share, "exact", note=fused.note)], None)
        )
    return measured


class OtherNumbersError(InputError):
    """A branch is stored with other numbers, and may not be replaced."""

    def __init__(self, branch: str, difference: str) -> None:
        self.cause = f"branch {branch} is there with other numbers"
        super().__init__(f"{self.cause} ({difference})", "--replace takes the new ones")


def put(
    fused: FusedBranch,
    measured: list[Measured],
    result: CategoryResult,
    *,
    replace_existing: bool,
    same_training: bool = True,
) -> bool:
    """Put a fused branch and its numbers into the result of its category; False when it is there already.

    A gate that is stored, but not of the ``same_training``, is another one whatever its numbers. Raises InputError when
    the branch is there with other numbers and may not be replaced.
    """
    branch = fused.branch
    stored = {
        (one.level, one.metric): one for one in result.metrics if one.branch == branch and one.provenance == "exact"
    }
    fresh = {(one.level, one.metric): one for of_level in measured for one in of_level.metrics}
    difference = _difference(stored, fresh) or _other_scores(fused, result)
    if not difference and same_training and branch in result.scores and set(fresh) <= set(stored):
        return False
    if difference and not replace_existing:
        raise OtherNumbersError(branch, difference)
    old = set(map(id, stored.values()))
    result.metrics = [one for one in result.metrics if id(one) not in old] + list(fresh.values())
    result.placements = {key: placed for key, placed in result.placements.items() if key[1] != branch}
    for of_level in measured:
        of_level.put_into(result)
    result.scores[branch] = fused.scores
    result.maps.pop(branch, None)
    if fused.recipe.keeps_maps and fused.maps is not None:
        result.maps[branch] = fused.maps
    if fused.gate is not None:
        result.gates[branch] = fused.gate.document()
    return True


def _calibrated(recipe: Recipe, scores: Pair, maps: Pair | None, shots: Mapping[str, NDArray[Any]]) -> Any:
    if recipe.calibrate == "none":
        return scores, maps
    functions = []
    for index, branch in enumerate(BRANCHES):
        try:
            own = (maps or scores)[index]
            functions.append(calibrator(recipe.calibrate, own, shots.get(branch)))
        except InputError as error:
            raise InputError(
                f"branch {branch} cannot be calibrated by {recipe.calibrate}: {error.args[0]}", error.hint
            ) from error
    both = tuple(function(values) for function, values in zip(functions, scores, strict=True))
    return both, maps and tuple(function(values) for function, values in zip(functions, maps, strict=True))


def _apply(recipe: Recipe, pair: Pair) -> NDArray[Any]:
    assert recipe.function is not None
    scores = [values.astype(np.float16) for values in pair] if recipe.half else pair
    fused = fuse_scores(recipe.function, *scores)
    return fused.astype(np.result_type(fused, *pair), copy=False)


def _oracle(recipe: Recipe, result: CategoryResult, scores: Pair, maps: Pair | None) -> FusedBranch:
    if result.labels is None:
        raise InputError("its images have no labels", "oracle chooses by them")
    picked = np.where(result.labels == 1, np.maximum(*scores), np.minimum(*scores))
    # Rendering has no negative weights, so these two rendered maps enclose that of every fusion between the branches.
    lower, upper = (None, None) if maps is None else (np.minimum(*maps), np.maximum(*maps))
    return FusedBranch(recipe, recipe.note, picked, lower, upper)


def _pick(pair: Pair, picked: list[str]) -> NDArray[Any]:
    semantic, memory = pair
    which = np.array(picked).reshape(-1, *(1,) * (semantic.ndim - 1))
    return np.select([which == "semantic", which == "memory"], [semantic, memory], np.maximum(semantic, memory))


def _mix(pair: Pair, weights: NDArray[np.float64]) -> NDArray[Any]:
    semantic, memory = pair
    share = weights.reshape(-1, *(1,) * (semantic.ndim - 1)).astype(np.result_type(*pair))
    mixed: NDArray[Any] = share * semantic + (1 - share) * memory
    return mixed


def _difference(stored: Mapping[Any, Metric], fresh: Mapping[Any, Metric]) -> str:
    """The first number that differs, in words; empty when none does."""
    for key, old in stored.items():
        new = fresh.get(key) or replace(old, value=None)
        if old.value is None and new.value is None:
            continue
        if old.value is None or new.value is None or not math.isclose(old.value, new.value, rel_tol=0, abs_tol=_SAME):
            return f"{old.level} {old.metric} {_text(old.value)}, now {_text(new.value)}"
    return ""


def _other_scores(fused: FusedBranch, result: CategoryResult) -> str:
    stored = result.scores.get(fused.branch)
    if stored is None or np.allclose(stored, fused.scores, rtol=_SAME, atol=_SAME):
        return ""
    index = int(np.argmax(np.abs(stored - fused.scores)))
    return f"image {result.images[index]} scored {stored[index]:.6g}, now {fused.scores[index]:.6g}"


def _text(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.6f}"


def _named(branches: Mapping[str, Any]) -> str:
    return ", ".join(branches) or "none"
