"""One run in one category: train the prompts, score both branches, from features that all runs share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from promptad_db.errors import InputError
from promptad_db.fusion import fuse_scores
from promptad_db.metrics import auroc, render
from promptad_db.model.promptad import CONTEXTS, memory_maps, semantic_scores, train
from promptad_db.model.prompts import PromptLearner
from promptad_db.records import CategoryResult
from promptad_db.scoring import render_maps
from promptad_db.timing import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from promptad_db.datasets import LabelledImage
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.model.features import CategoryFeatures, Encoded
    from promptad_db.model.words import PromptWords
    from promptad_db.runner.plan import Job
    from promptad_db.runner.request import Request

PUBLIC_FUSION = "harmonic"


@dataclass(frozen=True)
class CategoryData:
    """What all runs share in one category. ``masks`` [N, H, W] are there when a run scores pixels; ``shots`` are the
    encoded shots of all runs by name, or ``saved`` holds the weights of the run whose prompts are evaluated.
    """

    name: str
    test: tuple[LabelledImage, ...]
    masks: NDArray[np.bool_] | None
    words: PromptWords
    features: CategoryFeatures
    shots: dict[str, Encoded] = field(default_factory=dict)
    saved: dict[str, NDArray[Any]] = field(default_factory=dict)


def evaluate(job: Job, data: CategoryData, encoder: ClipEncoder, request: Request) -> tuple[CategoryResult, Stopwatch]:
    """The scores or maps of one run in one category, with what it learned, and the seconds of its stages."""
    clock = Stopwatch()
    left_out = job.left_out.get(data.name, frozenset())
    kept = [index for index, image in enumerate(data.test) if image.name not in left_out]
    if not kept:
        raise InputError(f"category {data.name!r}: all its test images are support images", "check --data-root")
    share = len(kept) / len(data.test)
    semantic_seconds = data.features.semantic_seconds * share
    clock.add("encode", data.features.encode_seconds * share - (0 if job.semantic else semantic_seconds))
    images = [data.test[index] for index in kept]
    result = CategoryResult(
        data.name,
        [image.name for image in images],
        labels=np.array([image.anomalous for image in images], dtype=np.int8),
        defect_types=[image.defect_type for image in images],
    )
    if job.setting.task == "seg" and data.masks is not None:
        result.masks = data.masks[kept]
    memory = _memory(result, job, data, kept, encoder, request, clock)
    branches = {"memory": memory}
    if job.semantic:
        clock.add("encode_semantic", semantic_seconds)
        branches = {"semantic": _semantic(result, memory, job, data, kept, encoder, request, clock), "memory": memory}
    if job.setting.task == "seg":
        result.maps = branches
        result.scores = {name: maps.max(axis=(1, 2)).astype(np.float64) for name, maps in branches.items()}
    else:
        result.scores = {name: scores.astype(np.float64) for name, scores in branches.items()}
    return result, clock


def _memory(
    result: CategoryResult,
    job: Job,
    data: CategoryData,
    kept: list[int],
    encoder: ClipEncoder,
    request: Request,
    clock: Stopwatch,
) -> NDArray[np.float32]:
    """The memory branch: maps [N, h, w] for seg, their maxima [N] for cls."""
    gallery = [shot.name for shot in job.shots[data.name]] or list(data.features.similarities)
    clock.add("memory", data.features.search_seconds * len(gallery) * len(kept) / len(data.test))
    with clock("memory"):
        similar = torch.stack([data.features.similarities[name] for name in gallery])[:, :, kept]
        maps: NDArray[np.float32] = memory_maps(similar).reshape(len(kept), *encoder.grid).numpy()
    if data.saved:
        result.weights = dict(data.saved)
    else:
        clock.add("shots", sum(data.shots[name].seconds for name in gallery))
        result.weights = {
            f"gallery_{depth + 1}": torch.cat([data.shots[name].features.memory[depth] for name in gallery]).numpy()
            for depth in (0, 1)
        }
    if job.setting.task == "seg":
        return maps
    with clock("memory"):
        if request.image_score == "rendered_max":
            maps = render(maps, request.render.height, request.render.width, gaussian_sigma=0.0)
        scores: NDArray[np.float32] = maps.max(axis=(1, 2))
        return scores


def _semantic(
    result: CategoryResult,
    memory: NDArray[np.float32],
    job: Job,
    data: CategoryData,
    kept: list[int],
    encoder: ClipEncoder,
    request: Request,
    clock: Stopwatch,
) -> NDArray[np.float32]:
    """The semantic branch: maps [N, h, w] for seg, scores [N] for cls."""
    task = job.setting.task
    temperature = float(job.run.info.config["temperature"])
    tested = (data.features.patches if task == "seg" else data.features.image)[kept].to(encoder.device)
    shape = (len(kept), *encoder.grid) if task == "seg" else (len(kept),)

    def scores(prototypes: Tensor) -> NDArray[np.float32]:
        found: NDArray[np.float32] = semantic_scores(tested, prototypes, temperature).reshape(shape).cpu().numpy()
        return found

    if data.saved:
        prototypes = torch.from_numpy(data.saved["prototypes"]).to(encoder.device)
    else:
        generator = torch.Generator().manual_seed(job.setting.seed)
        learner = PromptLearner(encoder, data.words, CONTEXTS[task], generator)
        shots = [data.shots[shot.name].features for shot in job.shots[data.name]]
        trained_on = torch.cat([shot.patches if task == "seg" else shot.image for shot in shots]).to(encoder.device)
        judge = _judge(result, memory, scores, request) if request.selection == "best_on_test" else None
        with clock("train"):
            trained = train(learner, trained_on, task, temperature, request.training, judge)
        learner.load_contexts(trained.contexts)
        with clock("text"), torch.no_grad():
            prototypes = learner().prototypes()
        result.weights |= {name: context.cpu().numpy() for name, context in trained.contexts.items()}
        result.weights |= {"prototypes": prototypes.cpu().numpy(), "epoch": np.array([trained.epoch])}
    with clock("text"):
        return scores(prototypes)


def _judge(
    result: CategoryResult,
    memory: NDArray[np.float32],
    scores: Callable[[Tensor], NDArray[np.float32]],
    request: Request,
) -> Callable[[Tensor], float] | None:
    """The test AUROC of the public code's fusion for some prototypes; None where the test set has one class only."""
    truth = result.labels if result.masks is None else result.masks
    if truth is None or len(np.unique(truth)) < 2:  # noqa: PLR2004 - normal and anomalous
        return None

    def judge(prototypes: Tensor) -> float:
        semantic = scores(prototypes)
        if result.masks is not None:
            return auroc(render_maps(fuse_scores(PUBLIC_FUSION, semantic, memory), request.render), result.masks)
        return auroc(fuse_scores(PUBLIC_FUSION, semantic.astype(np.float64), memory.astype(np.float64)), truth)

    return judge
