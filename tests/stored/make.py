"""Make the stored database of the current schema: one run, two categories."""

import gzip
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from promptad_db import start_run
from promptad_db.db.connect import HEAD

target = Path(__file__).resolve().parent / f"schema_{HEAD}.duckdb.gz"
if target.exists() and "--again" not in sys.argv:
    sys.exit(f"{target} exists; a released one is never made again")
target.unlink(missing_ok=True)
random = np.random.default_rng(0)
masks = np.zeros((4, 8, 8), dtype=bool)
masks[2:, 2:5, 2:5] = True
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    with start_run(
        dataset="mvtec",
        task="seg",
        k_shot=1,
        seed=111,
        method="stored",
        tags=["stored"],
        runs="runs",
        db="stored.duckdb",
    ) as run:
        for category in ("carpet", "tile"):
            run.log_category(
                category,
                images=[f"image_{index}" for index in range(4)],
                branches={name: random.random((4, 4, 4)) for name in ("semantic", "memory")},
                masks=masks,
                timings={"encode": 0.5},
            )
    target.write_bytes(gzip.compress(Path("stored.duckdb").read_bytes(), mtime=0))
