"""Time promptad-db verify against sha256sum: hashing every file of run folders again, and holding it against manifests.

The runs are synthetic, each category with 100 images of two branches, their maps on a 15 x 15 grid and masks of 240 x 240,
logged once and copied under other ids: seven files of a category, 0.3 MB together, in the page cache. Ours is a whole
process with all that it compares; the peer is coreutils' sha256sum over the same files, started as often as xargs must.
Both run in turn; figures and ratios are medians.

    python benchmarks/verify.py [--full]        half a minute [full size: five minutes]
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from table import Row, in_turn, limited, main, seconds

import promptad_db
from promptad_db import run_folder

SMALL = {"files": 10_000, "repeat": 5}
FULL = {**SMALL, "files": 100_000}
CATEGORIES, IMAGES, SLOWEST = 10, 100, 200e6


def write_runs(root, files):
    """Run folders with at least so many files in their categories."""
    rng = np.random.default_rng(0)
    masks = np.zeros((IMAGES, 240, 240), bool)
    masks[IMAGES // 2 :, 50:80, 60:100] = True
    given = {"dataset": "mvtec", "task": "seg", "k_shot": 1, "seed": 0, "method": "m", "render": (240, 240)}
    with promptad_db.start_run(**given, runs=root, db=False) as run:
        for number in range(CATEGORIES):
            branches = {name: rng.random((IMAGES, 15, 15), dtype=np.float32) for name in ("semantic", "memory")}
            images = [f"{index}.png" for index in range(IMAGES)]
            run.log_category(f"c{number}", images=images, branches=branches, masks=masks, timings={"encode": 1.0})
    of_one = sum(path.is_file() for path in run.folder.glob("*/*"))
    for number in range(-(-files // of_one) - 1):
        copy = run.folder.with_name(f"{run.folder.name}-{number:05}")
        shutil.copytree(run.folder, copy)
        run_folder.write_run(copy, replace(run.info, run_id=copy.name))
    return [path for path in root.glob("*/*/*") if path.is_file()]


def measure(files, repeat):
    """The rows of this benchmark."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "runs"
        paths = write_runs(root, files)
        size = sum(path.stat().st_size for path in paths)
        names = "\0".join(map(str, paths)).encode()
        program = [sys.executable, "-m", "promptad_db", "verify", str(root)]
        run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place)
        ours, theirs, ratio = in_turn(
            repeat,
            partial(seconds, run, program),
            partial(seconds, run, ["xargs", "-0", "sha256sum"], input=names),
        )
    what = f"promptad-db verify, {len(paths):,} files of categories"
    return [
        Row(what, size / ours / 1e6, "MB/s", "sha256sum", size / theirs / 1e6, ratio),
        limited("the same", ours, "s", size / SLOWEST),
    ]


if __name__ == "__main__":
    main(__doc__, measure, SMALL, FULL)
