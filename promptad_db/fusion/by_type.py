"""The hard rule of the old report: the defect type of an image chooses its branch, which only a test set knows.

Breakage and missing parts go to the semantic branch, defects of the texture to the memory branch, everything else, and
normal images, to the higher of both. The table is ``by_type.toml``.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@cache
def branch_of_type() -> dict[str, str]:
    """The branch (semantic, memory, or max for either) of every defect type in the table."""
    table = tomllib.loads((resources.files("promptad_db") / "fusion" / "by_type.toml").read_text("utf-8"))
    return {defect_type: table["branch"][kind] for defect_type, kind in table["kind"].items()}


def branches_by_type(defect_types: Sequence[str | None]) -> list[str]:
    """The branch that each image is given by its defect type: semantic, memory or max."""
    return [branch_of_type().get(defect_type or "", "max") for defect_type in defect_types]
