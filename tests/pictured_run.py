"""A small run whose maps stand beside real image files, in the MVTec AD layout."""

from __future__ import annotations

import numpy as np
from PIL import Image

from promptad_db import start_run

SIZE = 64


def pictured_run(place, categories=("tile",), *, images=4, branches=("semantic", "memory"), seed=0, **fields):
    """Write ``place``/data/mvtec/<category>, and a seg run over it below ``place``/runs, indexed in
    ``place``/promptad.duckdb; returns the run folder. The first image of each category is normal.
    """
    random = np.random.default_rng(seed)
    data = place / "data"
    settings = {"dataset": "mvtec", "task": "seg", "k_shot": 1, "seed": 0, "method": "m", **fields}
    run = start_run(**settings, runs=place / "runs", db=place / "promptad.duckdb")
    with run:
        for number, category in enumerate(categories):
            masks = np.zeros((images, SIZE, SIZE), dtype=bool)
            names = []
            for index in range(images):
                kind = "crack" if index else "good"
                names.append(f"{kind}/{index:03}.png")
                pixels = (80 + 40 * random.random((SIZE, SIZE, 3))).astype(np.uint8)
                if index:
                    row, column = random.integers(4, 40, 2)
                    masks[index, row : row + 16, column : column + 12] = True
                    pixels[masks[index]] = (200, 40, 40)
                picture = data / "mvtec" / category / "test" / names[-1]
                picture.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(picture)
            (data / "mvtec" / category / "train" / "good").mkdir(parents=True, exist_ok=True)
            coarse = masks.reshape(images, 8, SIZE // 8, 8, SIZE // 8).mean(axis=(2, 4))
            maps = {
                branch: (coarse * (0.3 + 0.4 * storage_of) + random.random(coarse.shape)).astype(np.float32)
                for storage_of, branch in enumerate(branches, start=number)
            }
            run.log_category(category, images=names, branches=maps, masks=masks)
    return run.folder
