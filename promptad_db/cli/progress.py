"""Progress on stderr: a bar on a terminal, nothing but the summary in a log."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LINES_EVERY = 1000


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A function to be called with the stage, its steps done and in all."""
    if not sys.stderr.isatty():
        yield log_line
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TimeRemainingColumn
    from rich.text import Text

    from promptad_db.tables.values import visible

    class Rate(ProgressColumn):
        """Steps a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        stages: dict[str, TaskID] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in stages:
                stages[what] = bar.add_task(escape(visible(what)), total=total)
            bar.update(stages[what], completed=done)

        yield step


def log_line(what: str, done: int, total: int) -> None:
    """Progress of long work in a log: a line now and then."""
    from promptad_db.tables.values import visible

    if done % _LINES_EVERY == 0 and done < total:
        sys.stderr.write(f"{visible(what)}: {done} of {total}\n")
