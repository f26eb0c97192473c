"""Make the stored database of the current schema, and the stored run folder of the current format: two categories."""

import gzip
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from promptad_db import start_run
from promptad_db.db.engine.schema import HEAD
from promptad_db.run_folder import FORMAT

stored = Path(__file__).resolve().parent
database, folders = stored / f"schema_{HEAD}.duckdb.gz", stored / f"format_{FORMAT}"
if database.exists() and folders.exists() and "--again" not in sys.argv:
    sys.exit(f"{database} and {folders} exist; released ones are never made again")
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
    if not database.exists() or "--again" in sys.argv:
        database.write_bytes(gzip.compress(Path("stored.duckdb").read_bytes(), mtime=0))
    if not folders.exists():
        shutil.copytree("runs", folders)
