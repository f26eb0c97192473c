"""The pass over a dataset: every category is encoded once, and every run that still needs it is trained and scored."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from promptad_db import run_folder
from promptad_db.datasets import open_dataset
from promptad_db.datasets.images import load_masks
from promptad_db.errors import InterruptedRunError
from promptad_db.model.clip import ClipEncoder
from promptad_db.model.feature_cache import FeatureCache
from promptad_db.model.features import encode_shots, encode_test_images
from promptad_db.model.names import pretrained_of
from promptad_db.model.words import load_vocabulary
from promptad_db.progress import Callbacks
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, CellScore
from promptad_db.runner.description import settings_of
from promptad_db.runner.evaluate import CategoryData, Evaluation
from promptad_db.runner.plan import Job, make_jobs
from promptad_db.runner.source import Weights, saved_weights
from promptad_db.tracking import index_runs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from promptad_db.datasets import Category
    from promptad_db.model.features import Gallery
    from promptad_db.runner.request import Backbone, Request


@dataclass
class Outcome:
    """What a pass left: its run folders, and how many cells it finished."""

    folders: list[Path] = field(default_factory=list)
    cells: int = 0


def run(
    request: Request,
    *,
    runs: str | os.PathLike[str] | None = None,
    db: str | os.PathLike[str] | bool | None = None,
    callbacks: Callbacks | None = None,
    encoder: ClipEncoder | None = None,
) -> Outcome:
    """Train and evaluate as the request says, write run folders, and index them in the database.

    Each category of each run is whole or not there; the database knows it when the pass goes on to the next category.
    ``encoder`` is one that was loaded already, for several requests over one backbone; else the request says which.

    Raises InputError for data that cannot be used, UsageError for a request that cannot be meant, and
    InterruptedRunError on Ctrl-C, when all runs are resumable.
    """
    callbacks = callbacks or Callbacks()
    dataset = open_dataset(request.dataset, request.data_root)
    names, masks = dict.fromkeys(request.categories or dataset.categories), needs_masks(request)
    categories = [dataset.category(name, masks=masks) for name in names]
    if encoder is None:
        encoder = load_encoder(request.backbone, text=any(one.semantic for one in settings_of(request)))
    work = Work(request, encoder, callbacks)
    saved = saved_weights(request.from_run, [one.name for one in categories], encoder) if request.from_run else {}
    jobs, notes = make_jobs(request, categories, encoder, runs=runs)
    for note in notes:
        callbacks.note(note)
    outcome = Outcome([job.run.folder for job in jobs])
    waiting = [job for job in jobs if job.left]
    cells = sum(len(job.left) for job in waiting)
    status = "failed"
    try:
        for cell in work.cells(categories, waiting, saved, db):
            outcome.cells += 1
            callbacks.progress("cells", outcome.cells, cells)
            callbacks.cell(cell)
        status = "finished"
    except KeyboardInterrupt as error:
        raise InterruptedRunError(
            f"interrupted: {outcome.cells} cells are finished and kept", "the same command with --resume goes on"
        ) from error
    finally:
        for job in waiting:
            job.run.close(status)
        index_runs(outcome.folders, db)
    return outcome


def needs_masks(request: Request) -> bool:
    """Whether any of its runs scores pixels."""
    return any(setting.task == "seg" for setting in settings_of(request))


def load_encoder(backbone: Backbone, *, text: bool = True) -> ClipEncoder:
    """The image encoder that a request names, and its text encoder if there is text work to do."""
    return ClipEncoder(
        backbone.name,
        pretrained_of(backbone.name, backbone.pretrained),
        backbone.device,
        precision=backbone.precision,
        memory_layers=backbone.memory_layers,
        memory_tap=backbone.memory_tap,
        text=text,
    )


class Work:
    """What is done with one category after the other."""

    def __init__(self, request: Request, encoder: ClipEncoder, callbacks: Callbacks) -> None:
        self.request, self.encoder, self.callbacks = request, encoder, callbacks
        self.cache = FeatureCache(request.feature_cache, encoder) if request.feature_cache else None
        self.vocabulary = load_vocabulary(request.prompts)

    def cells(
        self,
        categories: Sequence[Category],
        jobs: Sequence[Job],
        saved: Mapping[str, Weights],
        db: str | os.PathLike[str] | bool | None,  # noqa: FBT001 - as start_run
    ) -> Iterator[CellScore]:
        """Every cell that the runs lack, category by category; a category is indexed before the next one begins."""
        for category in categories:
            open_jobs = [job for job in jobs if category.name in job.left]
            if open_jobs:
                data = self.encode(category, open_jobs, saved.get(category.name, {}))
                for job in open_jobs:
                    yield self.evaluate(job, data)
                for job in open_jobs:
                    run_folder.gather_learned(job.run.folder)
                index_runs([job.run.folder for job in open_jobs], db)

    def evaluate(self, job: Job, data: CategoryData) -> CellScore:
        """One run in an encoded category: train, score, and write it to the run folder."""
        started = time.perf_counter()
        evaluation = Evaluation(job, data, self.encoder, self.request)
        scored = evaluation.run()
        job.note(data.name, evaluation.learned, str(self.encoder.device))
        result = job.run.log_result(scored, evaluation.clock)
        job.done.add(data.name)
        seconds = time.perf_counter() - started
        return CellScore(self.request.dataset, data.name, job.setting, _aurocs(job, result), seconds)

    def encode(self, category: Category, jobs: list[Job], saved: Weights) -> CategoryData:
        """All that the runs share in a category, each of its images encoded once."""
        name, request = category.name, self.request
        # Masks come first: one that cannot be used is found before the long part.
        masks, thresholded = None, np.zeros(len(category.test), dtype=bool)
        if any(job.setting.task == "seg" for job in jobs):
            size = request.render.height, request.render.width
            masks = load_masks(category.test, *size, thresholded=thresholded)
        shots = encode_shots(
            self.encoder, {shot.name: shot for job in jobs for shot in job.images.shots[name]}, self.cache
        )
        galleries: dict[str, Gallery] = {
            shot: (one.features.memory[0][0], one.features.memory[1][0]) for shot, one in shots.items()
        }
        if saved:
            both = (torch.from_numpy(saved["gallery_1"]), torch.from_numpy(saved["gallery_2"]))
            galleries = {f"saved {index}": pair for index, pair in enumerate(zip(*both, strict=True))}
        features = encode_test_images(
            self.encoder,
            category.test,
            galleries,
            semantic=any(job.semantic for job in jobs),
            batch_size=request.batch_size,
            cache=self.cache,
            progress=lambda done, total: self.callbacks.progress(f"{name}: images", done, total),
        )
        words = self.vocabulary.words_of(name)
        return CategoryData(name, category.test, masks, thresholded, words, features, shots, saved)


def _aurocs(job: Job, result: CategoryResult) -> dict[str, float | None]:
    level = LEVEL_OF_TASK[job.setting.task]
    return {one.branch: one.value for one in result.metrics if (one.level, one.metric) == (level, "auroc")}
