"""Exact metrics of anomaly scores, and the rendering of anomaly maps: arrays in, numbers out.

Nothing here estimates: every threshold counts, ties count one half, and a metric that is undefined says so.
"""

from promptad_db.metrics.curves import auroc, average_precision, f1_max, ranking_metrics
from promptad_db.metrics.intervals import interval_of
from promptad_db.metrics.placements import placements
from promptad_db.metrics.ranking import OneClassError
from promptad_db.metrics.regions import PixelTruth, aupro, pixel_metrics
from promptad_db.metrics.rendering import render

__all__ = [
    "OneClassError",
    "PixelTruth",
    "aupro",
    "auroc",
    "average_precision",
    "f1_max",
    "interval_of",
    "pixel_metrics",
    "placements",
    "ranking_metrics",
    "render",
]
