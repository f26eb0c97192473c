"""What an import is told about numbers and names that are taken as they are, but may not be meant that way."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING

from promptad_db.ingestion.readers.plausibility import RESERVED_BRANCHES, case_doubles, look_inverted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions
    from promptad_db.records import CategoryResult, Level

OPTIONS = {"method": "--method", "k_shot": "--k-shot"}


class Remarks:
    """Gathers over the runs of one import what there is to say of them together."""

    def __init__(self, options: ImportOptions) -> None:
        self._options = options
        self._said: dict[str, None] = {}
        self._aurocs: dict[tuple[tuple[str, str], Level, str], list[float]] = defaultdict(list)
        self._files: dict[tuple[str, str], set[Path]] = defaultdict(set)
        self._categories: dict[str, set[str]] = defaultdict(set)
        self._branches: set[str] = set()

    def add_run(self, run: ImportedRun, stored: list[str]) -> None:
        """A run, and the categories that its folder holds by now."""
        for name, basis in run.assumed.items():
            value = run.method if name == "method" else f"K = {run.k_shot}"
            what = f"method {value}" if name == "method" else value
            self._said[f"{what} assumed from {basis}; {OPTIONS[name]} says otherwise"] = None
        self._said |= dict.fromkeys([*run.notes, *self._unused(run)])
        self._files[run.experiment, run.method] |= run.files
        self._categories[run.dataset] |= {*run.categories, *stored}

    def add_result(self, run: ImportedRun, result: CategoryResult) -> None:
        """The numbers of one category."""
        for metric in result.metrics:
            if metric.metric == "auroc" and metric.value is not None and metric.provenance != "approx":
                self._aurocs[(run.experiment, run.method), metric.level, metric.branch].append(metric.value)
        self._branches |= {*result.scores, *result.maps, *(metric.branch for metric in result.metrics)}

    def lines(self) -> list[str]:
        """Every remark, a line each."""
        return [*self._said, *self._inverted(), *self._doubles()]

    def _unused(self, run: ImportedRun) -> Iterator[str]:
        """Options that the files contradict: they are for what these do not tell."""
        for name, option, value in (
            ("dataset", "--dataset", run.dataset), ("k_shot", "--k-shot", run.k_shot), ("seed", "--seed", run.seed)
        ):  # fmt: skip
            given = getattr(self._options, name)
            if given is not None and given != value:
                yield f"{min(run.files)} tells {name} {value}; {option} {given} is for files that do not tell it"

    def _inverted(self) -> Iterator[str]:
        found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for (source, _level, branch), values in self._aurocs.items():
            if look_inverted(values):
                found[source][branch] += values
        for source, branches in found.items():
            files = sorted(self._files[source])
            more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
            middle = median(value for values in branches.values() for value in values) * 100
            yield (
                f"{files[0]}{more}: every AUROC of {', '.join(sorted(branches))} is below 50 % (median {middle:.2f} %): "
                "the scores may be inverted, higher must mean more anomalous; the numbers are kept"
            )

    def _doubles(self) -> Iterator[str]:
        for dataset, names in sorted(self._categories.items()):
            for double in case_doubles(names):
                yield f"the categories {' and '.join(double)} of {dataset} differ in case alone; they are kept apart"
        for double in case_doubles(self._categories):
            yield f"the datasets {' and '.join(double)} differ in case alone; --dataset gives both one name"
        for double in case_doubles({*self._branches, *RESERVED_BRANCHES}):
            yield f"the branches {' and '.join(double)} differ in case alone; they are kept apart"
