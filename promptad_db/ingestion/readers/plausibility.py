"""What numbers and names that come in can mean: one set of rules for every reader.

- A number is in the unit of its format, percent or fraction, and within 0 and 100 %. A column in the other unit is left
  out as a whole, a single number that cannot be meant alone: what stands beside it is kept.
- AUROCs that all lie far below 50 % are kept, and a note asks whether the scores are inverted.
- Names that differ in case alone are kept apart, and a note names them.
- A row of means is no category.
"""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.errors import InputError
from promptad_db.records import BRANCHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from promptad_db.records import CategoryResult

MEANS = {"mean", "average", "avg", "avg.", "total", "overall"}
INVERTED = 0.4
"""Below this median of AUROCs that are all under 0.5, higher scores seem to mean less anomalous."""

RESERVED_BRANCHES = (*BRANCHES, "max", "harmonic", "mean", "gate", "oracle")

_PERCENT_OF_ONE = 100.0
_CHANCE = 0.5
_NAMED = 3


class Unit(NamedTuple):
    """In what a format writes its numbers: ``whole`` stands for 100 %."""

    whole: float
    name: str
    other: str
    fix: str


PERCENT = Unit(_PERCENT_OF_ONE, "a percentage between 0 and 100", "fractions; percents are expected", "multiply by 100")
FRACTION = Unit(1.0, "a fraction between 0 and 1", "percents; fractions are expected", "divide by 100")


class Numbers:
    """The numbers in the columns of one file, judged together.

    ``columns`` holds all values of each column; those that are in another ``unit`` as a whole are ``refused``.
    """

    def __init__(self, unit: Unit, columns: Mapping[str, Iterable[object]]) -> None:
        self.unit = unit
        self.refused: list[str] = []
        self._largest: dict[str, float] = {}
        for column, values in columns.items():
            numbers = [number for value in values if (number := _number(value)) is not None and number > 0]
            self._largest[column] = max(numbers, default=0.0)
            if numbers and _in_other_unit(numbers, unit):
                self.refused.append(column)

    def refusal(self) -> list[str]:
        """One line on the columns that are left out, none where there are none."""
        if not self.refused:
            return []
        return [f"the numbers of {', '.join(self.refused)} look like {self.unit.other}: {self.unit.fix}"]

    def fraction(self, column: str, value: object, where: str, metric: str) -> float | None:
        """A number of a column in 0..1, None where there is none or the column is left out; InputError when it cannot
        be meant.
        """
        if column in self.refused or (isinstance(value, str) and not value.strip()):
            return None
        number = fraction(value, where, self.unit)
        among_percents = self.unit is PERCENT and self._largest[column] > _PERCENT_OF_ONE / 2
        if among_percents and metric == "auroc" and 0 < number <= 1 / _PERCENT_OF_ONE:
            raise InputError(f"{where} is {value!r}, which looks like a fraction among percents")
        return number


def fraction(value: object, where: str, unit: Unit) -> float:
    """A number in 0..1; InputError when it is none, or out of range."""
    number = _number(value)
    if number is None and not isinstance(value, float):
        raise InputError(f"{where} is {value!r}, not a number")
    if number is None or not 0 <= number <= unit.whole:
        raise InputError(f"{where} is {value!r}, not {unit.name}")
    return number / unit.whole


def is_mean(name: str) -> bool:
    """Whether a row of this name holds averages of the others."""
    return name.strip().lower() in MEANS


def case_doubles(names: Iterable[str]) -> list[list[str]]:
    """Names that differ from each other in case alone, group by group."""
    groups: dict[str, set[str]] = defaultdict(set)
    for name in names:
        groups[name.casefold()].add(name)
    return [sorted(group) for _, group in sorted(groups.items()) if len(group) > 1]


def look_inverted(aurocs: Iterable[float]) -> bool:
    """Whether AUROCs (0..1) are those of scores whose sign is turned: none reaches 0.5, and they are far below it."""
    values = list(aurocs)
    return bool(values) and max(values) < _CHANCE and median(values) < INVERTED


def label_note(path: Path, result: CategoryResult) -> list[str]:
    """What to say where the labels of a file contradict the folders in the names of its images; nothing where they agree.

    Images of the folder good are normal. Of another folder nothing is known unless there is one called good beside it.
    """
    if result.labels is None:
        return []
    folders: dict[str, set[int]] = defaultdict(set)
    for image, label in zip(result.images, result.labels.tolist(), strict=True):
        if "/" in image:
            folders[image.rpartition("/")[0].rpartition("/")[2]].add(label)
    wrong = ["good"] if 1 in folders.get("good", ()) else []
    wrong += sorted(name for name, labels in folders.items() if "good" in folders and name != "good" and 0 in labels)
    if not wrong:
        return []
    return [
        (
            f"{path}: the labels of {result.category} contradict the names of its folders ({', '.join(wrong[:_NAMED])}); "
            "the labels count"
        )
    ]


def _in_other_unit(numbers: list[float], unit: Unit) -> bool:
    if unit is PERCENT:
        return max(numbers) <= 1
    return 2 * sum(number > 1 for number in numbers) > len(numbers)


def _number(value: Any) -> float | None:
    """A finite number, as it is or as a text tells it."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
