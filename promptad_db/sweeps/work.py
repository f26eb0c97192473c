"""What a worker does: tasks that travel to it, and answers that travel back. Only here is the runner called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from promptad_db.errors import PromptadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from promptad_db.records import CellScore, Setting
    from promptad_db.sweeps.grid import Grid


@dataclass
class Prepared:
    """The runs of a dataset: folders by setting, (category, setting) that cannot be done and why, notes."""

    folders: dict[Setting, Path]
    refused: dict[tuple[str, Setting], str]
    notes: list[str]


@dataclass
class Computed:
    """What came of a group: finished cells, settings that failed and why, notes."""

    cells: list[CellScore] = field(default_factory=list)
    failed: dict[Setting, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Preparation:
    """Make or find the runs of one dataset."""

    grid: Grid
    dataset: str
    categories: tuple[str, ...]
    runs: Path

    def do(self, device: str) -> Prepared:
        """Do it on a device."""
        from promptad_db.runner import Request
        from promptad_db.runner.parts import prepare

        request = Request.from_options(self.grid.request_options(self.dataset, self.categories, device))
        prepared = prepare(request, runs=self.runs)
        return Prepared(prepared.folders, prepared.refused, prepared.notes)


@dataclass(frozen=True)
class GroupWork:
    """Compute one category of the runs in ``folders``."""

    grid: Grid
    dataset: str
    category: str
    folders: dict[Setting, Path]

    def do(self, device: str) -> Computed:
        """Do it on a device."""
        from promptad_db.progress import Callbacks
        from promptad_db.runner import Request
        from promptad_db.runner.parts import run_category

        request = Request.from_options(self.grid.request_options(self.dataset, (self.category,), device))
        computed = Computed()
        callbacks = Callbacks(cell=computed.cells.append, note=computed.notes.append)
        computed.failed = run_category(request, self.category, self.folders, callbacks)
        return computed


Task = Preparation | GroupWork


@dataclass(frozen=True)
class Answer:
    """What came of a task: its ``value``, or the ``error`` for which there is none."""

    task: Task
    value: Any = None
    error: PromptadError | None = None


class Executor(Protocol):
    """Where tasks are done. Its workers run while it is entered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def answers(self, tasks: Sequence[Task], started: Callable[[Task], None]) -> Iterator[Answer]:
        """The answer of each task as it comes, in any order; ``started`` is called when a worker is given one.

        A task whose worker is lost is given to another one; when that happens too often its answer is an error.
        """


def perform(task: Task, device: str, threads: int) -> Answer:
    """Do a task in this process, with so many threads; what goes wrong is in the answer."""
    try:
        from promptad_db.runner.parts import use_threads

        use_threads(threads)
        return Answer(task, task.do(device))
    except PromptadError as error:
        return Answer(task, error=error)
    except Exception as error:  # noqa: BLE001 - the sweep goes on, and says it in the end
        from promptad_db.runner.parts import reason_of

        return Answer(task, error=PromptadError(reason_of(error)))
