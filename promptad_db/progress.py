"""Long work while it goes on: who is called with its progress, and the seconds of its stages."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptad_db.records import CellScore

logger = logging.getLogger("promptad_db")


def _nothing(*_heard: object) -> None:
    return


@dataclass(frozen=True)
class Callbacks:
    """What a pass calls: ``progress`` with the stage, its steps done and in all; ``cell`` with each finished cell; ``note``
    with what a reader must know.
    """

    progress: Callable[[str, int, int], None] = _nothing
    cell: Callable[[CellScore], None] = _nothing
    note: Callable[[str], None] = logger.warning


class Stopwatch:
    """Adds up seconds by stage: ``with clock("render"): ...``; a stage may come again."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started)

    def add(self, stage: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
