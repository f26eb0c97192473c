"""What a reader of foreign files gives: runs that are not yet run folders, and the files it had to refuse."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from promptad_db.records import CategoryResult, Render, RunInfo, Selection, Task

Reject = Callable[[Path, str], None]


@dataclass(frozen=True)
class ImportOptions:
    """What the user tells beside the paths: ``experiment`` and ``method`` in place of what the files tell or their format
    suggests, the others for what the files themselves do not say.
    """

    experiment: str | None = None
    method: str | None = None
    dataset: str | None = None
    k_shot: int | None = None
    seed: int | None = None
    task: Task | None = None
    data_root: Path | None = None
    branches: dict[str, Path] = field(default_factory=dict)


class Deferred(MutableMapping[str, CategoryResult]):
    """Categories of which each is made when it is asked for, and not kept: all at once take many times their table."""

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], CategoryResult]] = {}

    def defer(self, category: str, maker: Callable[[], CategoryResult]) -> None:
        """Add a category by what makes it."""
        self._makers[category] = maker

    def __getitem__(self, category: str) -> CategoryResult:
        return self._makers[category]()

    def __setitem__(self, category: str, result: CategoryResult) -> None:
        self._makers[category] = lambda: result

    def __delitem__(self, category: str) -> None:
        del self._makers[category]

    def __contains__(self, category: object) -> bool:
        return category in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass
class ImportedRun:
    """One run as foreign files tell it, category by category.

    ``assumed`` says, by field, from what a value was taken that the files do not tell; ``notes`` are for the user.
    """

    kind: str
    experiment: str
    method: str
    task: Task
    dataset: str
    k_shot: int
    seed: int | None
    variant: str = "baseline"
    selection: Selection = "unknown"
    render: Render | None = None
    model: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    categories: MutableMapping[str, CategoryResult] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    origins: dict[str, Path] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def origin(self, category: str) -> Path:
        """The file to name when a category is refused."""
        return self.origins.get(category) or min(self.files)

    def fingerprint(self) -> str:
        """A short hash of what makes this the same run when it is imported again."""
        identity = [
            self.kind, self.experiment, self.method, self.variant, self.task, self.dataset, self.k_shot, self.seed
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]

    def info(self, run_id: str, created_at: str, source: dict[str, Any]) -> RunInfo:
        """The run's run.json."""
        return RunInfo(
            run_id=run_id,
            experiment=self.experiment,
            method=self.method,
            variant=self.variant,
            task=self.task,
            dataset=self.dataset,
            k_shot=self.k_shot,
            seed=self.seed,
            created_at=created_at,
            finished_at=created_at,
            status="finished",
            model=self.model,
            config=self.config,
            selection=self.selection,
            render=self.render,
            source={**source, "assumed": self.assumed} if self.assumed else source,
        )


class Reader(Protocol):
    """One foreign format."""

    def recognise(self, path: Path) -> bool:
        """Whether this file, by its content, is of this format."""
        ...

    def read(self, paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
        """The runs that these files tell; a file that cannot be trusted goes to ``reject`` with the reason."""
        ...


def image_names(count: int) -> list[str]:
    """Names for images whose file does not name them."""
    return [f"image_{index:04d}" for index in range(count)]
