"""From run folders to the same folders with more branches: every category read, fused, scored and written whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.datasets.categories import kind_of
from promptad_db.errors import InputError
from promptad_db.fusing.branches import check_branches, fuse_branches, measure, put
from promptad_db.fusing.outcome import FuseOutcome, Rejection, rejection_of
from promptad_db.fusing.trainings import OtherTrainingError, stored_gate, stored_gates
from promptad_db.fusion.gate_examples import GateTrainer, example_of, scores_of_shots
from promptad_db.fusion.recipes import branch_of
from promptad_db.metrics import PixelTruth
from promptad_db.records import BRANCHES, LEVEL_OF_TASK
from promptad_db.run_folder.places import changing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.fusing.trainings import StoredGate
    from promptad_db.fusion.gate import HoldOut
    from promptad_db.fusion.gate_signals import GateExample
    from promptad_db.fusion.recipes import Recipe
    from promptad_db.records import CategoryResult, RunInfo


@dataclass(frozen=True)
class FuseOptions:
    """How to fuse: only these ``categories``, over other numbers of a branch when ``replace``, what a gate holds out."""

    categories: Collection[str] | None = None
    replace: bool = False
    hold_out: HoldOut = "category"


class Fusion:
    """One fusion of several runs: what is asked for, what gates learn from, and what came of it."""

    def __init__(self, chosen: Sequence[Recipe], options: FuseOptions, outcome: FuseOutcome) -> None:
        self.chosen, self.options, self.outcome = chosen, options, outcome
        self.learning = any(recipe.learned for recipe in chosen)
        self.needs_shots = self.learning or any(recipe.calibrate == "zscore-normal" for recipe in chosen)
        self.trainer = GateTrainer([], options.hold_out)

    def learn(self, progress: Callable[[str, int, int], None]) -> None:
        """Gather what every category with both branches can teach a gate."""
        examples = []
        for done, folder in enumerate(self.outcome.folders if self.learning else (), start=1):
            try:
                info = run_folder.read_run(folder)
                for category in run_folder.list_categories(folder):
                    result = run_folder.read_category(folder, category)
                    if set(BRANCHES) <= set(result.scores):
                        examples.append(self._example(info, folder, result, teach=True))
            except (InputError, OSError) as error:
                self.outcome.rejected.append(rejection_of(folder, error))
            progress("reading what gates learn from", done, len(self.outcome.folders))
        self.trainer = GateTrainer(examples, self.options.hold_out)
        self.outcome.notes += self.trainer.same_images.notes()

    def keep_trainings_apart(self, averaged: Sequence[Path]) -> None:
        """Give up the gates that would stand beside gates of another training under one name.

        ``averaged`` are all runs whose numbers reports average with those that are fused.
        """
        for recipe in [recipe for recipe in self.chosen if recipe.learned]:
            others = [
                one
                for one in stored_gates(averaged, recipe.branch)
                if not self.trainer.has_trained(one.cell, one.gate) and not self._replaces(one)
            ]
            if others:
                where = run_folder.category_folder(others[0].folder, others[0].cell.category)
                error = OtherTrainingError(len(others))
                self.outcome.rejected.append(rejection_of(where, error, recipe.branch))
                self.chosen = [one for one in self.chosen if one is not recipe]

    def _replaces(self, stored: StoredGate) -> bool:
        """Whether this fusion puts a new gate in the place of a stored one."""
        chosen = not self.options.categories or stored.cell.category in self.options.categories
        asked_for = self.options.replace and chosen and stored.folder in self.outcome.folders
        return asked_for and self.trainer.can_train(stored.cell)

    def fuse_run(self, folder: Path) -> None:
        """Fuse the categories of a run that are asked for; one that cannot be fused is rejected with its reason."""
        info = run_folder.read_run(folder)
        reported_only = 0
        for category in run_folder.list_categories(folder):
            if self.options.categories and category not in self.options.categories:
                continue
            try:
                with changing(folder):
                    result = run_folder.read_category(folder, category)
                    if not result.scores:
                        reported_only += 1
                        continue
                    check_branches(result)
                    self.outcome.cells += 1
                    if self._fuse_category(info, folder, result):
                        self._describe(folder, result)
                        run_folder.write_category(folder, result, replace_existing=True, keep_rest=True)
            except (InputError, OSError) as error:
                self.outcome.rejected.append(rejection_of(run_folder.category_folder(folder, category), error))
        if reported_only:
            cause = "categories hold reported numbers alone, no scores to fuse"
            self.outcome.skipped.append(Rejection(folder, f"{reported_only} {cause}", cause))

    def _fuse_category(self, info: RunInfo, folder: Path, result: CategoryResult) -> bool:
        """Put every recipe's branch into the result; whether that changed it."""
        shots = self._shots(folder, result.category)
        truth = None if result.masks is None else PixelTruth(result.masks)
        example = self._example(info, folder, result) if self.learning else None
        changed = False
        for recipe in self.chosen:
            try:
                learned = self.trainer.apply(example) if example and recipe.learned else None
                fused = fuse_branches(recipe, result, shots, learned)
                measured = measure(fused, result, info.render, truth, LEVEL_OF_TASK[info.task])
                stored = stored_gate(folder, info, result.category, recipe.branch) if recipe.learned else None
                same = stored is None or self.trainer.has_trained(stored.cell, stored.gate)
                new = put(fused, measured, result, replace_existing=self.options.replace, same_training=same)
            except InputError as error:
                where = run_folder.category_folder(folder, result.category)
                self.outcome.rejected.append(rejection_of(where, error, recipe.branch))
                continue
            self.outcome.added += new
            self.outcome.unchanged += not new
            changed |= new
        return changed

    def _describe(self, folder: Path, result: CategoryResult) -> None:
        """Let run.json say what the branches are whose names do not."""
        info = run_folder.read_run(folder)
        new = {recipe.branch: recipe.described for recipe in self.chosen if recipe.branch in result.scores}
        described = {**info.branches, **{name: one for name, one in new.items() if branch_of(name) != one}}
        if described != info.branches:
            run_folder.update_run(folder, branches=described)

    def _example(self, info: RunInfo, folder: Path, result: CategoryResult, *, teach: bool = False) -> GateExample:
        weights, kind = self._weights(folder, result.category), kind_of(info.dataset, result.category)
        return example_of(info, result, weights, kind, teach=teach)

    def _shots(self, folder: Path, category: str) -> Mapping[str, NDArray[Any]]:
        """What the K shots themselves score, by branch; empty where the run did not keep it or no recipe needs it."""
        return scores_of_shots(self._weights(folder, category))

    def _weights(self, folder: Path, category: str) -> Mapping[str, NDArray[Any]]:
        """What the run kept beside its scores; empty where it kept nothing or no recipe needs it."""
        if not self.needs_shots or not run_folder.has_weights(folder, category):
            return {}
        return run_folder.read_category_weights(folder, category)
