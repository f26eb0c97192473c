"""Random databases: every section, view, comparison and audit against an independent computation with pandas."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from independent.databases import random_database
from independent.holding import differences

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "PROPERTY_DATABASES"  # set it for more than a few
FEW = 12


@pytest.mark.parametrize("seed", range(int(os.environ.get(COUNT, FEW))))
def test_everything_that_is_reported_is_what_pandas_makes_of_the_same_runs(seed: int, tmp_path: Path) -> None:
    found = [f"seed {seed}: {difference}" for difference in differences(random_database(seed, tmp_path), seed)]
    assert not found, "\n".join(found)
