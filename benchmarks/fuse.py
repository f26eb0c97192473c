"""Time `promptad-db fuse` over a whole experiment against doing the same the straightforward way.

The experiment: 27 categories x K = 1, 2, 4, pixel-level, 60 to 200 images a category, maps of 15 x 15 of both branches and
masks of 240 x 240, as six run folders on disk. Ours is everything that the command does: read the folders, fuse by five
rules, render, AUROC, AP, F1-max and AUPRO of all pixels and the image-level numbers, write the folders, index them.

The peer fuses arrays that it has in memory, interpolates with torch, filters with scipy, and calls scikit-learn for what
that has of the four metrics: AUROC, AP, and F1-max from the precision-recall curve. The second ratio is against a peer
that wants the AUROC alone. One thread, as ours. It does one cell of every run, in turn with ours, scaled to all cells by
the number of images, and in a process of its own, so that the peak of memory is that of ours. Its numbers are compared
with what ours stored.

    OMP_NUM_THREADS=1 python benchmarks/fuse.py [--full]
"""

import multiprocessing
import resource
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from metrics import detector_maps
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from table import Row, limited, main

from promptad_db import run_folder
from promptad_db.datasets.categories import KINDS
from promptad_db.fusing import fuse_folders
from promptad_db.fusing.runs import FuseOptions
from promptad_db.fusion.recipes import recipes
from promptad_db.records import CategoryResult, Render, RunInfo

SIZE, POSITIVES, FEWEST, MOST = 240, 0.02, 60, 200
RULES = ("max", "harmonic", "mean", "weighted:0.3", "rank-mean")
TARGET = 30
SMALL = {"cells": 12, "sample": 2}
FULL = {"cells": 81, "sample": 6}


def spread(count):
    """``count`` of the 81 cells, spread evenly: (dataset, K, category, its number)."""
    every = [(dataset, k, name) for dataset in KINDS for k in (1, 2, 4) for name in sorted(KINDS[dataset])]
    chosen = np.linspace(0, len(every) - 1, count).round().astype(int)
    return [(*every[index], index) for index in chosen]


def result_of(category, number):
    """A category as a run leaves it: images, labels, masks, scores and maps of both branches."""
    rng = np.random.default_rng(number)
    count = int(rng.integers(FEWEST, MOST, endpoint=True))
    memory, _, masks = detector_maps(count, SIZE, POSITIVES, rng)
    semantic = 0.5 * memory + rng.gamma(4, 0.02, memory.shape).astype(np.float32)
    maps = {"semantic": semantic, "memory": memory}
    return CategoryResult(
        category,
        images=[f"{image:03}.png" for image in range(count)],
        labels=masks.any(axis=(1, 2)).astype(np.int8),
        masks=masks,
        maps=maps,
        scores={branch: grids.max(axis=(1, 2)).astype(np.float64) for branch, grids in maps.items()},
    )


def write_runs(root, chosen):
    """The cells as run folders below ``root``; returns them by (dataset, K), and how many images they hold."""
    by_run = defaultdict(list)
    for dataset, k_shot, category, number in chosen:
        by_run[dataset, k_shot].append((category, number))
    folders, images = {}, 0
    for (dataset, k_shot), categories in by_run.items():
        names = {"dataset": dataset, "k_shot": k_shot, "seed": 111, "task": "seg"}
        created_at = run_folder.now()
        run_id = run_folder.new_run_id(created_at, **names)
        more = {"experiment": "bench", "method": "bench", "variant": "baseline", "created_at": created_at}
        info = RunInfo(run_id, **names, **more, render=Render(SIZE, SIZE))
        folder = folders[dataset, k_shot] = run_folder.create_run(root, info)
        for category, number in categories:
            result = result_of(category, number)
            images += len(result.images)
            run_folder.write_category(folder, result)
    return folders, images


def fused_plainly(rule, semantic, memory):
    if rule == "rank-mean":
        from scipy.stats import rankdata

        ranks = [(rankdata(one).reshape(one.shape) - 0.5) / one.size for one in (semantic, memory)]
        return ((ranks[0].astype(np.float32) + ranks[1].astype(np.float32)) / 2).astype(np.float32)
    return {
        "max": lambda: np.maximum(semantic, memory),
        "harmonic": lambda: 1 / (1 / semantic + 1 / memory),
        "mean": lambda: (semantic + memory) / 2,
        "weighted:0.3": lambda: np.float32(0.3) * semantic + np.float32(0.7) * memory,
    }[rule]()


def rendered_plainly(grids):
    import torch
    from scipy.ndimage import gaussian_filter

    torch.set_num_threads(1)
    up = torch.nn.functional.interpolate(torch.from_numpy(grids)[:, None], size=(SIZE, SIZE), mode="bilinear")
    return np.stack([gaussian_filter(image, 4) for image in up[:, 0].numpy()])


def plainly(result):
    """{branch: {metric: value}} the straightforward way; the seconds of it with AUROC alone, and with all three."""
    found, alone, every = {}, 0.0, 0.0
    labels = result.masks.ravel()
    for recipe, rule in zip(recipes(RULES), RULES, strict=True):
        start = time.perf_counter()
        scores = rendered_plainly(fused_plainly(rule, result.maps["semantic"], result.maps["memory"])).ravel()
        found[recipe.branch] = {"auroc": roc_auc_score(labels, scores)}
        alone += time.perf_counter() - start
        found[recipe.branch]["ap"] = average_precision_score(labels, scores)
        precision, recall, _ = precision_recall_curve(labels, scores)
        found[recipe.branch]["f1_max"] = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300))
        every += time.perf_counter() - start
    return found, alone, every


def peer(folder, category, number):
    """Seconds with AUROC alone, with all three metrics, and images, of one cell; its numbers must be those of ours."""
    result = result_of(category, number)
    theirs, alone, every = plainly(result)
    for one in run_folder.read_category(folder, category).metrics:
        value = theirs.get(one.branch, {}).get(one.metric)
        # float32 rounding of two ways to render moves single pixels past each other.
        if one.level == "pixel" and value is not None and abs(one.value - value) > 1e-5:
            raise SystemExit(f"{category}, {one.branch} {one.metric}: ours {one.value}, theirs {value}")
    return np.array([alone, every, len(result.images)])


def measure(cells, sample):
    """Fuse so many of the 81 cells; in ``sample`` of the runs, at most 6, the peer does one cell."""
    ours, theirs = 0.0, np.zeros(3)
    spawned = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as place, ProcessPoolExecutor(1, mp_context=spawned) as elsewhere:
        elsewhere.submit(plainly, result_of("warm-up", 0)).result()
        chosen = spread(cells)
        folders, images = write_runs(Path(place) / "runs", chosen)
        for done, ((dataset, k_shot), folder) in enumerate(folders.items()):
            start = time.perf_counter()
            outcome = fuse_folders([folder], recipes(RULES), Path(place) / "bench.duckdb", FuseOptions())
            ours += time.perf_counter() - start
            assert not outcome.rejected, outcome.rejected
            if done < sample:
                cell = next(cell for cell in chosen if cell[:2] == (dataset, k_shot))
                theirs += elsewhere.submit(peer, folder, *cell[2:]).result()
    alone, every, sampled = theirs
    what = f"fuse {cells} cells by {len(RULES)} rules, 4 metrics, written and indexed"
    plain = f"interpolate, filter, scikit-learn ({sampled:.0f} of {images} images timed)"
    return [
        Row(what, ours, "s", f"{plain}: AUROC, AP, F1-max", every * images / sampled,
            every * images / sampled / ours, TARGET),
        Row(what, ours, "s", f"{plain}: AUROC", alone * images / sampled, alone * images / sampled / ours),
        limited("its peak of memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB", 1024),
    ]  # fmt: skip


if __name__ == "__main__":
    main(__doc__, measure, SMALL, FULL)
