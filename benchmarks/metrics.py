"""Time the metrics and the rendering against their peers, on maps like those a detector makes.

The main case is rendered 15 x 15 maps whose anomalous blobs score higher; uniform noise is the second. Ours and the peer
run in turn, so that whatever else the machine does meets both; the ratio is the median over the repetitions of
peer time / ours ("x" above 1: ours is quicker). Values are compared before anything is timed.

    python benchmarks/metrics.py --maps 100 --size 240 --positives 0.02 --repeat 5
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from promptad_db.metrics import auroc, average_precision, f1_max, pixel_metrics, render

GRID = 15


class Row(NamedTuple):
    what: str
    ours: Callable[[], Any]
    peer: str
    theirs: Callable[[], Any]
    tolerance: float | None
    target: str = ""


def detector_maps(maps, size, positives, rng):
    """Two of three images hold one round defect; the grids are low noise, higher by a varying amount on the defect."""
    grids = rng.gamma(4, 0.02, (maps, GRID, GRID)).astype(np.float32)
    masks = np.zeros((maps, size, size), bool)
    step = size / GRID
    y, x = np.mgrid[:size, :size]
    for i in range(maps):
        if i % 3 == 0:
            continue
        radius = size * np.sqrt(1.5 * positives / np.pi) * rng.uniform(0.6, 1.4)
        centre = rng.uniform(0.2 * size, 0.8 * size, 2)
        masks[i] = np.hypot(y - centre[0], x - centre[1]) < radius
        cells = (np.indices((GRID, GRID)) + 0.5) * step
        found = np.hypot(cells[0] - centre[0], cells[1] - centre[1]) < max(radius, step)
        grids[i] += found * rng.uniform(0.02, 0.3)
    return grids, render(grids, size, size), masks


def sklearn_f1_max(scores, labels):
    precision, recall, _ = precision_recall_curve(labels, scores)
    return np.max(2 * precision * recall / (precision + recall))


def adeval_metrics():
    # adeval 1.1 calls np.trapz, which numpy 2.4 has renamed.
    vars(np)["trapz"] = np.trapezoid
    import adeval

    return adeval


def torchmetrics_auroc(scores, labels):
    import torch
    from torchmetrics.classification import BinaryAUROC

    metric = BinaryAUROC(thresholds=None)
    metric.update(torch.from_numpy(scores), torch.from_numpy(labels))
    return float(metric.compute())


def upsampled_and_filtered(grids, size):
    import torch

    up = torch.nn.functional.interpolate(torch.from_numpy(grids)[:, None], size=(size, size), mode="bilinear")
    return np.stack([gaussian_filter(image, 4) for image in up[:, 0].numpy()])


def rows(grids, detector, noise):
    (maps, masks), (noise, noise_masks) = detector, noise
    size = maps.shape[-1]
    adeval = adeval_metrics()
    scores, labels = maps.ravel(), masks.ravel()
    integers = labels.astype(np.int64)
    noise_scores, noise_labels = noise.ravel(), noise_masks.ravel()

    def ours():
        return auroc(maps, masks)

    return [
        Row("AUROC", ours, "sklearn", lambda: roc_auc_score(labels, scores), 1e-12, ">= 40"),
        # torchmetrics adds up float32 areas; adeval puts the scores into 1000 bins.
        Row("AUROC", ours, "torchmetrics", lambda: torchmetrics_auroc(scores, integers), 1e-3),
        Row("AUROC", ours, "adeval (binned)", lambda: adeval.auroc(maps, masks), 1e-2, ">= 0.67"),
        Row(
            "AUROC, uniform noise",
            lambda: auroc(noise, noise_masks),
            "sklearn",
            lambda: roc_auc_score(noise_labels, noise_scores),
            1e-12,
        ),
        Row(
            "AUROC, uniform noise",
            lambda: auroc(noise, noise_masks),
            "adeval (binned)",
            lambda: adeval.auroc(noise, noise_masks),
            1e-2,
        ),
        Row(
            "AP",
            lambda: average_precision(maps, masks),
            "sklearn",
            lambda: average_precision_score(labels, scores),
            1e-12,
        ),
        Row("F1-max", lambda: f1_max(maps, masks), "sklearn", lambda: sklearn_f1_max(scores, labels), 1e-12),
        Row(
            "AUROC, AP, AUPRO",
            lambda: itemgetter("auroc", "ap", "aupro")(pixel_metrics(maps, masks)),
            "adeval (binned)",
            lambda: adeval.auroc_aupr_aupro(maps, masks.astype(np.uint8)),
            2e-2,
        ),
        Row("all four", lambda: pixel_metrics(maps, masks), "our AUROC alone", ours, None, ">= 0.17"),
        Row(
            "render, sigma 4",
            lambda: render(grids, size, size),
            "torch + gaussian_filter",
            lambda: upsampled_and_filtered(grids, size),
            2e-6,
        ),
    ]


def measure(row, repeat):
    """Return the median milliseconds of ours and of the peer, and the median of their ratios."""
    ours, theirs = row.ours(), row.theirs()
    if row.tolerance is not None:
        apart = np.max(np.abs(np.asarray(ours) - np.asarray(theirs)))
        if apart > row.tolerance:
            raise SystemExit(f"{row.what} and {row.peer} differ by {apart}")
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        row.ours()
        middle = time.perf_counter()
        row.theirs()
        times.append((middle - start, time.perf_counter() - middle))
    mine, peer = (1000 * statistics.median(column) for column in zip(*times, strict=True))
    return mine, peer, statistics.median(theirs / ours for ours, theirs in times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", type=int, default=100, help="number of maps")
    parser.add_argument("--size", type=int, default=240, help="height and width in pixels")
    parser.add_argument("--positives", type=float, default=0.02, help="share of anomalous pixels")
    parser.add_argument("--repeat", type=int, default=5, help="repetitions; medians are printed")
    given = parser.parse_args()
    warnings.simplefilter("ignore")

    rng = np.random.default_rng(0)
    grids, maps, masks = detector_maps(given.maps, given.size, given.positives, rng)
    noise, noise_masks = rng.random(maps.shape, dtype=np.float32), rng.random(maps.shape) < given.positives
    print(f"{given.maps} maps of {given.size} x {given.size}, {100 * masks.mean():.1f} % positive, float32")
    line = "{:<22} {:>10}  {:<24} {:>10} {:>8}  {}"
    print(line.format("what", "ours (ms)", "peer", "peer (ms)", "ratio", "target"))
    for row in rows(grids, (maps, masks), (noise, noise_masks)):
        mine, peer, ratio = measure(row, given.repeat)
        print(line.format(row.what, f"{mine:.1f}", row.peer, f"{peer:.1f}", f"{ratio:.2f} x", row.target).rstrip())


if __name__ == "__main__":
    main()
