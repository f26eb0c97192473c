"""Who hears of long work while it goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptad_db.records import Cell

logger = logging.getLogger("promptad_db")


def _nothing(*_heard: object) -> None:
    return


@dataclass(frozen=True)
class Listener:
    """Who hears of a pass: ``progress`` of the stage, its steps done and in all; ``cell`` of each finished cell;
    ``note`` of what a reader must know.
    """

    progress: Callable[[str, int, int], None] = _nothing
    cell: Callable[[Cell], None] = _nothing
    note: Callable[[str], None] = logger.warning
