"""Runs with image scores that a test chooses, and what the check finds in them."""

from __future__ import annotations

import numpy as np

import promptad_db
from promptad_db import start_run

NORMALS = 30


def scores(seed=0, *, scale=1.0, gap=1.0, normals=NORMALS, anomalous=NORMALS):
    """Image scores of a detector that works: distances of normal images about 0.2, anomalous ones higher by ``gap``."""
    random = np.random.default_rng(seed)
    normal, defect = random.uniform(0.15, 0.25, normals), random.uniform(0.15, 0.25, anomalous) + 0.1 * gap
    return np.concatenate([normal, defect]) * scale


def log(category="tile", *, normals=NORMALS, anomalous=NORMALS, branches=None, **fields):
    """A run of one category with image scores; returns its folder."""
    labels = [0] * normals + [1] * anomalous
    made = branches or {
        name: scores(seed, normals=normals, anomalous=anomalous) for seed, name in enumerate(("semantic", "memory"))
    }
    arguments = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 111, "method": "m", **fields}
    with start_run(**arguments) as run:
        images = [f"{'bad' if label else 'good'}/{index:03}.png" for index, label in enumerate(labels)]
        run.log_category(category, images=images, branches=made, labels=labels)
    return run.folder


def found(**options):
    """The findings, as dictionaries."""
    return promptad_db.check(**options).findings.records()


def told(name, **options):
    """The findings of one check."""
    return found(only=(name,), **options)
