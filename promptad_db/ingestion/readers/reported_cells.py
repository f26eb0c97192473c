"""Cells that foreign files tell by finished numbers alone: read strictly, gathered into runs."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.imported import ImportedRun, fraction
from promptad_db.limits import MOST_CELLS, MOST_LINES
from promptad_db.records import CategoryResult, Level, Metric, Selection, Task
from promptad_db.storage.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DATASETS = {"MVTec": "mvtec", "MVTecAD": "mvtec", "mvtec": "mvtec", "VisA": "visa", "Visa": "visa", "visa": "visa"}

_HEAD = 1 << 16
_FULL_DOUBLE = 7  # a file with more decimals than that holds floats as they are, not rounded ones
_DECIMALS = re.compile(r"\d*\.(\d+)(e-?\d+)?", re.IGNORECASE)


class Setting(NamedTuple):
    """What makes a run of an imported cell, and the backbone where the file tells it."""

    experiment: str
    method: str
    variant: str
    task: Task
    dataset: str
    k_shot: int
    seed: int | None
    backbone: str = ""
    selection: Selection = "unknown"


@dataclass
class ReportedCells:
    """The cells of several files of one kind; a cell that is told twice must be told the same."""

    kind: str
    cells: dict[tuple[Setting, str], CategoryResult] = field(default_factory=dict)
    sources: dict[tuple[Setting, str], Path] = field(default_factory=dict)
    more: dict[Setting, set[Path]] = field(default_factory=dict)

    def add(self, setting: Setting, result: CategoryResult, path: Path) -> None:
        """Take one cell; InputError when another row or file tells other numbers for it."""
        known = self.cells.setdefault((setting, result.category), result)
        source = self.sources.setdefault((setting, result.category), path)
        if known.metrics != result.metrics:
            where = "further up" if source == path else f"in {source}"
            raise InputError(f"{result.category} has other numbers here than {where}")

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
            told = setting._asdict()
            backbone = told.pop("backbone")
            run = runs.setdefault(setting, ImportedRun(self.kind, **told, model={"name": backbone} if backbone else {}))
            run.categories[category] = self.cells[setting, category]
            run.origins[category] = self.sources[setting, category]
            run.files |= {run.origins[category], *self.more.get(setting, ())}
        yield from runs.values()


def reported_metric(
    level: Level, branch: str, metric: str, value: object, *, where: str, precision: float, percent: bool = False
) -> Metric:
    """A number of a file, a fraction or else in ``percent``; ``precision`` is a fraction."""
    number = fraction(value, where) if percent else _fraction_as_written(value, where)
    return Metric(level, branch, metric, number, "reported", precision=precision)


def _fraction_as_written(value: object, where: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{where} is {value!r}, not a number") from error
    if isinstance(value, bool) or not 0 <= number <= 1:
        raise InputError(f"{where} is {value!r}, not a fraction between 0 and 1")
    return number


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


def csv_header(path: Path) -> list[str]:
    """The names of the columns, leniently read; none when the file is no CSV."""
    if path.suffix.lower() != ".csv":
        return []
    try:
        with path.open("rb") as file:
            raw = file.read(_HEAD)
        encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        return [name.strip() for name in next(csv.reader(io.StringIO(raw.decode(encoding, errors="replace"))), [])]
    except (OSError, csv.Error):
        return []


def read_lines(path: Path) -> str:
    """The text of a small CSV or a log; InputError for one with too many lines or cells, each of which is an object."""
    text = read_text(path)
    if text.count("\n") + text.count("\r") > 2 * MOST_LINES or text.count(",") > MOST_CELLS:
        raise InputError(f"holds more than {MOST_LINES:,} lines or {MOST_CELLS:,} cells")
    return text


def csv_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Every row of a CSV file by its columns, with its line; InputError for a file or a row that is broken."""
    reader = csv.reader(io.StringIO(read_lines(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise InputError(f"not a readable CSV file ({error})") from error
    if not rows:
        raise InputError("holds no rows")
    if len(set(header)) < len(header):
        raise InputError("two columns have the same name")
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(f"line {line} has {len(cells)} cells, the header {len(header)}; nothing of it is taken")
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in rows]
