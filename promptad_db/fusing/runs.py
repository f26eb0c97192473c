"""From run folders to the same folders with more branches: every category read, fused, scored and written whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.datasets.categories import kind_of
from promptad_db.errors import InputError
from promptad_db.fusing.branches import BRANCHES, check_branches, fuse_branches, measure, put
from promptad_db.fusion.gate_examples import GateTrainer, example_of, scores_of_shots
from promptad_db.fusion.recipes import branch_of
from promptad_db.metrics import PixelTruth
from promptad_db.records import LEVEL_OF_TASK
from promptad_db.run_folder.places import changing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.fusion.gate import HoldOut
    from promptad_db.fusion.gate_signals import GateExample
    from promptad_db.fusion.recipes import Recipe
    from promptad_db.records import CategoryResult, RunInfo


@dataclass
class FuseOutcome:
    """What a fusion did, as counts of branches in categories, and what it could not do, each with the reason.

    ``skipped`` are runs with categories that hold reported numbers alone. ``folders`` are all runs that were looked at.
    """

    added: int = 0
    unchanged: int = 0
    cells: int = 0
    folders: list[Path] = field(default_factory=list)
    rejected: list[tuple[Path, str]] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line on what was done."""
        done = f"{self.added} branches fused" if self.added else "nothing new"
        known = f" ({self.unchanged} known already)" if self.unchanged else ""
        rejected = f"; {len(self.rejected)} rejected" if self.rejected else ""
        return f"{done}{known} in {self.cells} categories of {len(self.folders)} runs{rejected}"


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
                        examples.append(self._lesson(info, folder, result, teach=True))
            except (InputError, OSError) as error:
                self.outcome.rejected.append((folder, reason_of(error)))
            progress("reading what gates learn from", done, len(self.outcome.folders))
        self.trainer = GateTrainer(examples, self.options.hold_out)

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
                self.outcome.rejected.append((run_folder.category_folder(folder, category), reason_of(error)))
        if reported_only:
            reason = f"{reported_only} categories hold reported numbers alone, no scores to fuse"
            self.outcome.skipped.append((folder, reason))

    def _fuse_category(self, info: RunInfo, folder: Path, result: CategoryResult) -> bool:
        """Put every recipe's branch into the result; whether that changed it."""
        shots = self._shots(folder, result.category)
        truth = None if result.masks is None else PixelTruth(result.masks)
        example = self._lesson(info, folder, result) if self.learning else None
        changed = False
        for recipe in self.chosen:
            try:
                learned = self.trainer.apply(example) if example and recipe.learned else None
                fused = fuse_branches(recipe, result, shots, learned)
                measured = measure(fused, result, info.render, truth, LEVEL_OF_TASK[info.task])
                new = put(fused, measured, result, replace_existing=self.options.replace)
            except InputError as error:
                where = run_folder.category_folder(folder, result.category)
                self.outcome.rejected.append((where, f"{recipe.branch}: {reason_of(error)}"))
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

    def _lesson(self, info: RunInfo, folder: Path, result: CategoryResult, *, teach: bool = False) -> GateExample:
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


def reason_of(error: Exception) -> str:
    """What an error says, and how to fix it, in one line."""
    return "; ".join(line.strip() for line in str(error).splitlines())
