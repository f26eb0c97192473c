"""Time the metrics and the rendering against their peers, on maps like those a detector makes.

The main case is rendered 15 x 15 maps whose anomalous blobs score higher; uniform noise is the second. Ours and the peer
run in turn, so that whatever else the machine does meets both; the ratio is the median over the repetitions of
peer time / ours. Values are compared before anything is timed.

    python benchmarks/metrics.py [--full] [--positives 0.02]
"""

import warnings
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from table import Row, in_turn, main, seconds

from promptad_db.metrics import PixelTruth, auroc, average_precision, f1_max, pixel_metrics, render

GRID = 15
SMALL = {"maps": 100, "size": 240, "positives": 0.02, "repeat": 5}
FULL = {**SMALL, "maps": 160, "size": 400}


class Case(NamedTuple):
    what: str
    ours: Callable[[], Any]
    peer: str
    theirs: Callable[[], Any]
    tolerance: float | None
    target: float | None = None


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


def cases(grids, detector, noise):
    (maps, masks), (noise, noise_masks) = detector, noise
    size = maps.shape[-1]
    adeval = adeval_metrics()
    scores, labels = maps.ravel(), masks.ravel()
    integers = labels.astype(np.int64)
    noise_scores, noise_labels = noise.ravel(), noise_masks.ravel()

    def ours():
        return auroc(maps, masks)

    return [
        Case(
            f"pixel AUROC, {len(maps)} maps of {size} x {size}",
            ours,
            "scikit-learn",
            lambda: roc_auc_score(labels, scores),
            1e-12,
            40,
        ),
        # torchmetrics adds up float32 areas; adeval puts the scores into 1000 bins.
        Case("the same", ours, "torchmetrics", lambda: torchmetrics_auroc(scores, integers), 1e-3),
        Case("the same", ours, "adeval (binned)", lambda: adeval.auroc(maps, masks), 1e-2, 0.67),
        Case(
            "pixel AUROC, uniform noise",
            lambda: auroc(noise, noise_masks),
            "scikit-learn",
            lambda: roc_auc_score(noise_labels, noise_scores),
            1e-12,
        ),
        Case(
            "pixel AUROC, uniform noise",
            lambda: auroc(noise, noise_masks),
            "adeval (binned)",
            lambda: adeval.auroc(noise, noise_masks),
            1e-2,
        ),
        Case(
            "AP",
            lambda: average_precision(maps, masks),
            "scikit-learn",
            lambda: average_precision_score(labels, scores),
            1e-12,
        ),
        Case("F1-max", lambda: f1_max(maps, masks), "scikit-learn", lambda: sklearn_f1_max(scores, labels), 1e-12),
        Case(
            "AUROC, AP, AUPRO",
            lambda: itemgetter("auroc", "ap", "aupro")(pixel_metrics(maps, masks)),
            "adeval (binned)",
            lambda: adeval.auroc_aupr_aupro(maps, masks.astype(np.uint8)),
            2e-2,
        ),
        Case(
            "AUROC, AP, F1-max, AUPRO together", lambda: pixel_metrics(maps, masks), "our AUROC alone", ours, None, 0.17
        ),
        Case(
            "the same and placements by image",
            lambda: PixelTruth(masks).metrics_and_placements(maps),
            "our AUROC alone",
            ours,
            None,
            0.4,
        ),
        Case(
            "render the maps, sigma 4",
            lambda: render(grids, size, size),
            "torch + gaussian_filter",
            lambda: upsampled_and_filtered(grids, size),
            2e-6,
        ),
    ]


def timed(case, repeat):
    """Compare the values of both, then time them in turn."""
    ours, theirs = case.ours(), case.theirs()
    if case.tolerance is not None:
        apart = np.max(np.abs(np.asarray(ours) - np.asarray(theirs)))
        if apart > case.tolerance:
            raise SystemExit(f"{case.what} and {case.peer} differ by {apart}")
    mine, peer, ratio = in_turn(repeat, partial(seconds, case.ours), partial(seconds, case.theirs))
    return Row(case.what, 1000 * mine, "ms", case.peer, 1000 * peer, ratio, case.target)


def measure(maps, size, positives, repeat):
    """Every case on so many maps of so many pixels a side, ``positives`` of them anomalous."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    grids, detector, masks = detector_maps(maps, size, positives, rng)
    noise, noise_masks = rng.random(detector.shape, dtype=np.float32), rng.random(detector.shape) < positives
    return [timed(case, repeat) for case in cases(grids, (detector, masks), (noise, noise_masks))]


if __name__ == "__main__":
    main(__doc__, measure, SMALL, FULL)
