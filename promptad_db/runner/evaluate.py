"""One run in one category: train the prompts, score both branches, from features that all runs share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from promptad_db.errors import InputError
from promptad_db.fusion import fuse_scores
from promptad_db.metrics import auroc
from promptad_db.model.branch import Setup
from promptad_db.model.promptad import memory_maps, neighbour_margins, self_similarities
from promptad_db.model.variants import BRANCHES
from promptad_db.progress import Stopwatch
from promptad_db.records import CategoryResult
from promptad_db.scoring import image_scores, render_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from promptad_db.datasets import LabelledImage
    from promptad_db.model.branch import Score
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.model.encoded import Encoded
    from promptad_db.model.features import CategoryFeatures
    from promptad_db.model.words import PromptWords
    from promptad_db.runner.plan import Job
    from promptad_db.runner.request import Request

PUBLIC_FUSION = "harmonic"


@dataclass(frozen=True)
class CategoryData:
    """What all runs share in one category. ``masks`` [N, H, W] are there when a run scores pixels, ``thresholded`` [N]
    says which of them held greys; ``shots`` are the encoded shots of all runs by name, or ``saved`` holds the weights of
    the run whose prompts are evaluated.
    """

    name: str
    test: tuple[LabelledImage, ...]
    masks: NDArray[np.bool_] | None
    thresholded: NDArray[np.bool_]
    words: PromptWords
    features: CategoryFeatures
    shots: dict[str, Encoded] = field(default_factory=dict)
    saved: dict[str, NDArray[Any]] = field(default_factory=dict)


class Evaluation:
    """One run in one category.

    ``learned`` is what people should know of what it learned. ``result`` gathers its scores, and as weights what it learned, what its own shots score (``shots_semantic``, and
    ``shots_memory``, where each patch is compared with all gallery patches but itself) and how far its test images are
    from a second shot (``neighbour_margin`` [N]); ``clock`` the seconds of the stages ``encode``
    (of it ``encode_semantic`` for what only the semantic branch needs), ``shots``, ``train``, ``text`` and ``memory``.
    """

    def __init__(self, job: Job, data: CategoryData, encoder: ClipEncoder, request: Request) -> None:
        self.job, self.data, self.encoder, self.request = job, data, encoder, request
        self.clock = Stopwatch()
        self.learned: dict[str, Any] = {}
        left_out = job.images.left_out.get(data.name, frozenset())
        self.tested = [index for index, image in enumerate(data.test) if image.name not in left_out]
        if not self.tested:
            raise InputError(f"category {data.name!r}: all its test images are support images", "check --data-root")
        images = [data.test[index] for index in self.tested]
        self.result = CategoryResult(
            data.name,
            [image.name for image in images],
            labels=np.array([image.anomalous for image in images], dtype=np.int8),
            defect_types=[image.defect_type for image in images],
        )
        if self.pixels and data.masks is not None:
            self.result.masks = data.masks[self.tested]
            thresholded = data.thresholded[self.tested]
            self.result.thresholded = thresholded if thresholded.any() else None

    @property
    def pixels(self) -> bool:
        """Whether maps are scored, not images."""
        return self.job.setting.task == "seg"

    def run(self) -> CategoryResult:
        """Score both branches, or the memory branch alone where the run has no other."""
        share = len(self.tested) / len(self.data.test)
        semantic_seconds = self.data.features.semantic_seconds * share
        self.clock.add("encode", self.data.features.encode_seconds * share - (not self.job.semantic) * semantic_seconds)
        branches = {"memory": self.memory}
        if self.job.semantic:
            self.clock.add("encode_semantic", semantic_seconds)
            branches = {"semantic": self._semantic(), "memory": self.memory}
        if self.pixels:
            self.result.maps = branches
        self.result.scores = {
            name: self._image_scores(scores) if self.pixels else scores.astype(np.float64)
            for name, scores in branches.items()
        }
        return self.result

    @cached_property
    def memory(self) -> NDArray[np.float32]:
        """The memory branch: maps [N, h, w] for seg, their maxima [N] for cls."""
        data, share = self.data, len(self.tested) / len(self.data.test)
        gallery = [shot.name for shot in self.job.images.shots[data.name]] or list(data.features.similarities)
        self.clock.add("memory", data.features.search_seconds * len(gallery) * share)
        with self.clock("memory"):
            similar = torch.stack([data.features.similarities[name] for name in gallery])[:, :, self.tested]
            maps: NDArray[np.float32] = memory_maps(similar).reshape(len(self.tested), *self.encoder.grid).numpy()
        self.result.weights["neighbour_margin"] = neighbour_margins(similar).numpy()
        if data.saved:
            self.result.weights = data.saved | self.result.weights
            both = torch.from_numpy(data.saved["gallery_1"]), torch.from_numpy(data.saved["gallery_2"])
        else:
            self.clock.add("shots", sum(data.shots[name].seconds for name in gallery))
            shots = [data.shots[name].features.memory for name in gallery]
            both = torch.cat([one for one, _ in shots]), torch.cat([other for _, other in shots])
            self.result.weights |= {"gallery_1": both[0].numpy(), "gallery_2": both[1].numpy()}
        own = memory_maps(self_similarities(both)[None]).reshape(-1, *self.encoder.grid).numpy()
        self.result.weights["shots_memory"] = self._memory_scores(own)
        with self.clock("memory"):
            return self._memory_scores(maps)

    def _memory_scores(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps [n, h, w] as they are for seg, their maxima [n] for cls."""
        return maps if self.pixels else self._image_scores(maps).astype(np.float32)

    def _image_scores(self, maps: NDArray[np.float32]) -> NDArray[np.float64]:
        return image_scores(maps, self.request.image_score, self.request.render)

    def _semantic(self) -> NDArray[np.float32]:
        """The semantic branch: maps [N, h, w] for seg, scores [N] for cls."""
        setting, data = self.job.setting, self.data
        temperature = float(self.job.run.info.config["temperature"])
        branch = BRANCHES[setting.variant](Setup(self.encoder, data.words, setting.task, temperature, setting.seed))
        if data.saved:
            try:
                branch.load({name: torch.from_numpy(array) for name, array in data.saved.items()})
            except (KeyError, RuntimeError) as error:
                raise InputError(f"the saved weights of {data.name} are not those of {setting.variant}") from error
        else:
            shots = [data.shots[shot.name].features for shot in self.job.images.shots[data.name]]
            features = torch.cat([shot.patches if self.pixels else shot.image for shot in shots]).to(
                self.encoder.device
            )
            judge = self._judge if self.request.selection == "best_on_test" and self._has_both_classes else None
            with self.clock("train"):
                branch.fit(features, self.request.training, judge)
            with self.clock("text"):
                branch.refresh()
            self.result.weights |= {name: value.cpu().numpy() for name, value in branch.state().items()}
            self.result.weights["shots_semantic"] = self._shaped(branch.score(features))
            self.learned = branch.describe()
        with self.clock("text"):
            return self._shaped(branch.score(self._test_features))

    @cached_property
    def _test_features(self) -> Tensor:
        features = self.data.features
        selected: Tensor = (features.patches if self.pixels else features.image)[self.tested].to(self.encoder.device)
        return selected

    @property
    def _has_both_classes(self) -> bool:
        truth = self.result.labels if self.result.masks is None else self.result.masks
        return truth is not None and len(np.unique(truth)) == 2  # noqa: PLR2004 - normal and anomalous

    def _shaped(self, scores: Tensor) -> NDArray[np.float32]:
        """Scores of images [n], or of patches as maps [n, h, w]."""
        shape = (len(scores), *self.encoder.grid) if self.pixels else (len(scores),)
        shaped: NDArray[np.float32] = scores.reshape(shape).cpu().numpy()
        return shaped

    def _judge(self, score: Score) -> float:
        """The test AUROC of the public code's fusion, 0..1."""
        semantic = self._shaped(score(self._test_features))
        if self.result.masks is not None:
            fused = fuse_scores(PUBLIC_FUSION, semantic, self.memory)
            return auroc(render_maps(fused, self.request.render), self.result.masks)
        assert self.result.labels is not None
        fused = fuse_scores(PUBLIC_FUSION, semantic.astype(np.float64), self.memory.astype(np.float64))
        return auroc(fused, self.result.labels)
