"""Time `promptad-db fuse` over a whole experiment against doing the same the straightforward way.

The experiment: 27 categories x K = 1, 2, 4, pixel-level, 60 to 200 images a category, maps of 15 x 15 of both branches and
masks of 240 x 240, as six run folders on disk. Ours is everything that the command does: read the folders, fuse by five
rules, render, AUROC, AP, F1-max and AUPRO of all pixels and the image-level numbers, write the folders, index them.

The peer fuses arrays that it has in memory, interpolates with torch, filters with scipy and calls scikit-learn's AUROC
alone, one thread as ours. It runs on a sample of the cells, and its time is scaled to all of them by the number of
images. Its AUROCs are compared with what ours stored.

    python benchmarks/fuse.py --cells 81 --sample 2
"""

import argparse
import resource
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from metrics import detector_maps
from sklearn.metrics import roc_auc_score

from promptad_db import run_folder
from promptad_db.datasets.categories import KINDS
from promptad_db.fused_runs import FuseOptions
from promptad_db.fusing import fuse_folders
from promptad_db.fusion.recipes import recipes
from promptad_db.records import CategoryResult, Render, RunInfo

SIZE, POSITIVES, FEWEST, MOST = 240, 0.02, 60, 200
RULES = ("max", "harmonic", "mean", "weighted:0.3", "rank-mean")
TARGET = 30


def cells(count):
    """``count`` of the 81 cells, spread evenly: (data set, K, category, its number)."""
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
    """The cells as run folders below ``root``; returns the folders and how many images they hold."""
    by_run = defaultdict(list)
    for dataset, k_shot, category, number in chosen:
        by_run[dataset, k_shot].append((category, number))
    folders, images = [], 0
    for (dataset, k_shot), categories in by_run.items():
        names = {"dataset": dataset, "k_shot": k_shot, "seed": 111, "task": "seg"}
        created_at = run_folder.now()
        run_id = run_folder.new_run_id(created_at, **names)
        more = {"experiment": "bench", "method": "bench", "variant": "baseline", "created_at": created_at}
        folders.append(run_folder.create_run(root, RunInfo(run_id, **names, **more, render=Render(SIZE, SIZE))))
        for category, number in categories:
            result = result_of(category, number)
            images += len(result.images)
            run_folder.write_category(folders[-1], result)
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


def plainly(result):
    """The pixel AUROC of every rule, the straightforward way."""
    import torch
    from scipy.ndimage import gaussian_filter

    torch.set_num_threads(1)
    found = {}
    for rule in RULES:
        fused = torch.from_numpy(fused_plainly(rule, result.maps["semantic"], result.maps["memory"]))
        up = torch.nn.functional.interpolate(fused[:, None], size=(SIZE, SIZE), mode="bilinear")[:, 0].numpy()
        pixels = np.stack([gaussian_filter(image, 4) for image in up])
        found[rule] = roc_auc_score(result.masks.ravel(), pixels.ravel())
    return found


def stored(folder, category):
    metrics = run_folder.read_category(folder, category).metrics
    return {one.branch: one.value for one in metrics if (one.level, one.metric) == ("pixel", "auroc")}


def peer_seconds(folders, chosen, sample):
    """Seconds and images of the peer on ``sample`` cells, whose AUROCs must be those that ours stored."""
    by_run = {(info.dataset, info.k_shot): folder for folder in folders for info in [run_folder.read_run(folder)]}
    plainly(result_of("warm-up", 0))
    seconds, images = 0.0, 0
    for dataset, k_shot, category, number in chosen[:: max(1, len(chosen) // sample)][:sample]:
        result = result_of(category, number)
        start = time.perf_counter()
        theirs = plainly(result)
        seconds += time.perf_counter() - start
        images += len(result.images)
        ours = stored(by_run[dataset, k_shot], category)
        for recipe, rule in zip(recipes(RULES), RULES, strict=True):
            # float32 rounding of two ways to render moves single pixels past each other.
            if abs(ours[recipe.branch] - theirs[rule]) > 1e-6:
                raise SystemExit(f"{category} {rule}: ours {ours[recipe.branch]}, theirs {theirs[rule]}")
    return seconds, images


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=81, help="how many of the 81 cells")
    parser.add_argument("--sample", type=int, default=2, help="how many of them the peer does")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        chosen = cells(given.cells)
        folders, images = write_runs(Path(place) / "runs", chosen)
        print(f"{given.cells} cells, {images} images, {len(RULES)} rules")
        start = time.perf_counter()
        outcome = fuse_folders(folders, recipes(RULES), Path(place) / "bench.duckdb", FuseOptions())
        ours = time.perf_counter() - start
        assert outcome.added == given.cells * len(RULES), outcome.rejected
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds, sampled = peer_seconds(folders, chosen, given.sample)
    theirs = seconds * images / sampled
    print(f"ours    {ours:8.1f} s  all of it, four metrics, {1000 * ours / images / len(RULES):.2f} ms a map")
    print(f"peer    {theirs:8.1f} s  AUROC alone; {seconds:.1f} s for {sampled} images, scaled to {images}")
    print(f"ratio   {theirs / ours:8.1f} x  target >= {TARGET}")
    print(f"memory  {peak:8.0f} MB peak of ours, target < 1024")


if __name__ == "__main__":
    main()
