"""What a sweep is asked to do: every combination of its settings over several datasets, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.datasets import open_dataset
from promptad_db.errors import InputError, UsageError
from promptad_db.model.names import check_precision, pretrained_of
from promptad_db.records import MEMORY_ONLY, TASKS, Name, Setting, Task
from promptad_db.schema import conform
from promptad_db.storage import folder_at
from promptad_db.storage.addresses import without_password
from promptad_db.storage.files import folder_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptad_db.datasets import Dataset

VARIANTS = ("baseline", "spatial_prompts", "vision_guided", MEMORY_ONLY)
_PATHS = ("shots_file", "prompts", "feature_cache")


class CellKey(NamedTuple):
    """One cell of a sweep."""

    dataset: str
    category: str
    setting: Setting


@dataclass(frozen=True)
class Grid:
    """A sweep. ``experiment`` is its name, ``data_roots`` says by dataset where it is, ``categories`` of None are all.

    ``options`` are what all runs have in common, named as `promptad_db.runner.Request.from_options` takes them: method,
    model, epochs, ... Paths are made absolute, since not every worker is where the driver is.

    Raises UsageError for a grid that cannot be meant.
    """

    experiment: str
    data_roots: Mapping[str, Path]
    categories: tuple[str, ...] | None = None
    tasks: tuple[Task, ...] = TASKS
    k_shots: tuple[int, ...] = (1,)
    seeds: tuple[int, ...] = (111,)
    variants: tuple[str, ...] = ("baseline",)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            conform(self.experiment, Name, "its name")
            folder_name(self.experiment)
        except InputError as error:
            raise UsageError(f"--experiment {self.experiment!r}: {error}", "give the sweep a short name") from error
        for flag, values in (
            ("--dataset", tuple(self.data_roots)),
            ("--task", self.tasks),
            ("--k-shot", self.k_shots),
            ("--seed", self.seeds),
            ("--variant", self.variants),
        ):
            if not values or len(set(values)) < len(values):
                raise UsageError(f"{flag} names {'a value twice' if values else 'nothing'}", "name each value once")
        for flag, names, allowed in (("--task", self.tasks, TASKS), ("--variant", self.variants, VARIANTS)):
            for name in names:
                if name not in allowed:
                    raise UsageError(f"{flag} {name!r} does not exist", f"use some of {', '.join(allowed)}")
        for flag, numbers, least in (("--k-shot", self.k_shots, 1), ("--seed", self.seeds, 0)):
            if min(numbers) < least:
                raise UsageError(f"{flag} {min(numbers)} is too small", f"use {least} or more")
        absolute = {name: _root_at(root).absolute() for name, root in self.data_roots.items()}
        object.__setattr__(self, "data_roots", absolute)
        check_precision(self.options.get("model"), self.options.get("precision"))
        weights = pretrained_of(self.options.get("model"), self.options.get("pretrained"))
        object.__setattr__(self, "options", _with_absolute_paths({**self.options, "pretrained": weights}))

    def settings(self) -> list[Setting]:
        """Every combination, in the order in which the runner makes their runs."""
        return [
            Setting(task, k_shot, seed, variant)
            for variant, seed, k_shot, task in product(self.variants, self.seeds, self.k_shots, self.tasks)
        ]

    def datasets(self) -> dict[str, tuple[Dataset, tuple[str, ...]]]:
        """Each dataset with the categories asked for; InputError when it is not there, UsageError for a category that
        none of them has.
        """
        opened = {name: open_dataset(name, root) for name, root in self.data_roots.items()}
        for category in self.categories or ():
            if not any(category in dataset.categories for dataset in opened.values()):
                known = sorted({name for dataset in opened.values() for name in dataset.categories})
                raise UsageError(f"no category {category!r} in {', '.join(opened)}", f"there are: {', '.join(known)}")
        selected = {
            name: tuple(
                one for one in dict.fromkeys(self.categories or dataset.categories) if one in dataset.categories
            )
            for name, dataset in opened.items()
        }
        return {name: (dataset, selected[name]) for name, dataset in opened.items() if selected[name]}

    def request_options(self, dataset: str, categories: tuple[str, ...], device: str) -> dict[str, Any]:
        """The options of the request for one dataset, for runs that are new or gone on with."""
        return {
            **self.options,
            "experiment": self.experiment,
            "dataset": dataset,
            "data_root": self.data_roots[dataset],
            "category": categories,
            "task": self.tasks,
            "k_shot": self.k_shots,
            "seed": self.seeds,
            "variant": self.variants,
            "device": device,
            "resume": True,
        }


def data_roots(datasets: Sequence[str], roots: Sequence[str]) -> dict[str, Path]:
    """Where each dataset is, from NAME=FOLDER for some of them, or one FOLDER for all; a FOLDER may be an address.

    Raises InputError for a store that cannot be reached, UsageError for a dataset without a folder, and for the folder
    of none.
    """
    named: dict[str, Path] = {}
    common: list[Path] = []
    for root in roots:
        name, sign, folder = root.partition("=")
        if sign and name in datasets:
            named[name] = _root_at(folder)
        elif sign and "://" not in name and not Path(root).exists():
            raise UsageError(
                f"--data-root {without_password(root)}: {name!r} is not among --dataset",
                f"use one of {', '.join(datasets)}",
            )
        else:
            common.append(_root_at(root))
    if len(common) > 1:
        raise UsageError("--data-root names several folders for all datasets", "use --data-root NAME=FOLDER for each")
    without = [name for name in datasets if name not in named]
    if without and not common:
        raise UsageError(f"--data-root says nothing of {without[0]}", f"add --data-root {without[0]}=FOLDER")
    return {name: named[name] if name in named else common[0] for name in datasets}


def _root_at(root: str | Path) -> Path:
    try:
        return folder_at(root)
    except OSError as error:
        raise InputError(
            f"{error.filename}: cannot be reached ({error.strerror})",
            "check --data-root, and the credentials for it",
        ) from error


def _with_absolute_paths(options: Mapping[str, Any]) -> dict[str, Any]:
    absolute = {name: Path(options[name]).absolute() for name in _PATHS if options.get(name) is not None}
    return {**options, **absolute}
