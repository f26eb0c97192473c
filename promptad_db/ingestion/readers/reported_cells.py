"""Cells that foreign files tell by finished numbers alone: read strictly, gathered into runs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.imported import ImportedRun
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, Selection, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import Reject
    from promptad_db.ingestion.readers.plausibility import Numbers

DATASETS = {"MVTec": "mvtec", "MVTecAD": "mvtec", "mvtec": "mvtec", "VisA": "visa", "Visa": "visa", "visa": "visa"}
SEPARATE = "to keep both, import one of them by itself under another --experiment"

_FULL_DOUBLE = 7  # a file with more decimals than that holds floats as they are, not rounded ones
_DECIMALS = re.compile(r"\d*\.(\d+)(e-?\d+)?", re.IGNORECASE)
_LONGEST_VARIANT = 200


class Column(NamedTuple):
    """A column that holds the numbers of one metric."""

    name: str
    task: Task
    branch: str
    metric: str


class Setting(NamedTuple):
    """What makes a run of an imported cell. ``config`` holds the hyper-parameters that the file tells; ``assumed`` says,
    by field, from what a value was taken that no file tells.
    """

    experiment: str
    method: str
    variant: str
    task: Task
    dataset: str
    k_shot: int
    seed: int | None
    backbone: str = ""
    pretrained: str = ""
    selection: Selection = "unknown"
    config: tuple[tuple[str, str], ...] = ()
    assumed: tuple[tuple[str, str], ...] = ()


@dataclass
class ReportedCells:
    """The cells of several files of one kind; a cell that is told twice must be told the same."""

    kind: str
    cells: dict[tuple[Setting, str], CategoryResult] = field(default_factory=dict)
    sources: dict[tuple[Setting, str], Path] = field(default_factory=dict)
    more: dict[Setting, set[Path]] = field(default_factory=dict)
    notes: dict[Setting, list[str]] = field(default_factory=dict)

    def add(self, setting: Setting, result: CategoryResult, path: Path) -> None:
        """Take one cell; InputError when another row or file tells other numbers for it."""
        known = self.cells.setdefault((setting, result.category), result)
        source = self.sources.setdefault((setting, result.category), path)
        if known.metrics != result.metrics:
            if source == path:
                raise InputError(f"{result.category} has other numbers here than further up")
            raise InputError(f"{result.category} has other numbers here than in {source}", SEPARATE)

    def add_row(self, setting: Setting, results: Iterable[tuple[Task, CategoryResult]], path: Path) -> list[str]:
        """Take the cells of one row, each for itself; what is wrong with some of them."""
        problems: list[str] = []
        for task, result in results:
            try:
                self.add(setting._replace(task=task), result, path)
            except InputError as error:
                problems.append(str(error))
        return list(dict.fromkeys(problems))

    def extend(self, setting: Setting, result: CategoryResult, path: Path) -> None:
        """Put scores and times to a cell; the numbers that were told for it stay first."""
        known = self.cells.get((setting, result.category))
        result.metrics = [*(known.metrics if known else []), *result.metrics]
        self.cells[setting, result.category] = result
        self.sources.setdefault((setting, result.category), path)
        self.more.setdefault(setting, set()).add(path)

    def runs(self) -> Iterator[ImportedRun]:
        """One run a setting, in the order of their names."""
        runs: dict[Setting, ImportedRun] = {}
        for setting, category in sorted(self.cells, key=str):
            run = runs.get(setting)
            if run is None:
                run = runs[setting] = _run(self.kind, setting)
                run.notes += self.notes.get(setting, [])
            run.categories[category] = self.cells[setting, category]
            run.origins[category] = self.sources[setting, category]
            run.files |= {run.origins[category], *self.more.get(setting, ())}
        yield from runs.values()


def _run(kind: str, setting: Setting) -> ImportedRun:
    fields = setting._asdict()
    names = {"name": fields.pop("backbone"), "pretrained": fields.pop("pretrained")}
    model = {name: value for name, value in names.items() if value}
    config, assumed = dict(fields.pop("config")), dict(fields.pop("assumed"))
    return ImportedRun(kind, **fields, model=model, config=config, assumed=assumed)


def cells_of_row(
    category: str,
    row: Mapping[str, object],
    columns: Sequence[Column],
    numbers: Numbers,
    precision: float,
) -> tuple[list[tuple[Task, CategoryResult]], list[str]]:
    """The cells that a row tells, by task, and what is wrong with its other numbers; ``precision`` is a fraction."""
    results: dict[Task, CategoryResult] = {}
    problems: list[str] = []
    for column in columns:
        if column.name not in row:
            continue
        where = f"{column.name} of {category}"
        try:
            value = numbers.fraction(column.name, row.get(column.name), where, column.metric)
        except InputError as error:
            problems.append(str(error))
            continue
        if value is not None:
            metric = Metric(
                LEVEL_OF_TASK[column.task], column.branch, column.metric, value, "reported", precision=precision
            )
            results.setdefault(column.task, CategoryResult(category)).metrics.append(metric)
    return list(results.items()), problems


def reject_problems(path: Path, line: int, problems: Sequence[str], reject: Reject) -> None:
    """Name what is wrong with some numbers of a row, in one line."""
    if problems:
        reject(path, f"line {line}: {'; '.join(problems)}")


def written_step(texts: Iterable[str]) -> float:
    """The step in which the numbers of a file were written down, by the longest of them; 0.0 for floats as they are."""
    decimals = 0
    for text in texts:
        match = _DECIMALS.fullmatch(text.strip())
        if match:
            decimals = max(decimals, _FULL_DOUBLE if match[2] else len(match[1]))
    return 0.0 if decimals >= _FULL_DOUBLE else 10.0**-decimals


def told(value: Any, what: str, option: str) -> Any:
    """A value that a file or its place must tell, or else an option; InputError that names the option."""
    if value in (None, ""):
        raise InputError(f"neither the file nor its place tells the {what}", f"give {option}")
    return value


def variant_of(*names: str | None, config: Mapping[str, str] | None = None) -> str:
    """The name of a variant by all that is known of it: the model first, then each setting by its last name."""
    words = [name for name in names if name]
    words += [f"{name.rpartition('.')[2]}={value}" for name, value in sorted((config or {}).items())]
    text = " ".join(words) or "baseline"
    if len(text) <= _LONGEST_VARIANT:
        return text
    return f"{text[:_LONGEST_VARIANT]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}"
