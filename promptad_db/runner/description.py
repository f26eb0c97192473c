"""From a request to what its runs say of themselves: the settings that make two runs the same, or not."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import product
from typing import TYPE_CHECKING, Any

import torch

from promptad_db import run_folder
from promptad_db.model.promptad import CONTEXTS
from promptad_db.records import MEMORY_ONLY, Setting
from promptad_db.runner.source import config_of_source
from promptad_db.storage.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptad_db.model.clip import ClipEncoder
    from promptad_db.runner.images import Images
    from promptad_db.runner.request import Request

GROWING = ("shots", "left_out_of_test", "learned")
"""What the config of a run holds by category: it grows when the run is resumed with more of them."""
_OF_TEXT = ("temperature", "prompts")  # older versions wrote them down for runs without text too
_COMPARED = (
    "dataset", "task", "k_shot", "seed", "method", "experiment", "variant", "model", "selection", "image_score", "render",
)  # fmt: skip


def settings_of(request: Request) -> list[Setting]:
    """Every combination of a request; those of its source run where it evaluates saved prompts."""
    if request.from_run is not None:
        source = run_folder.read_run(request.from_run)
        return [Setting(source.task, source.k_shot, source.seed or 0, source.variant)]
    return [
        Setting(task, k_shot, seed, variant)
        for variant, seed, k_shot, task in product(request.variants, request.seeds, request.k_shots, request.tasks)
    ]


def describe(request: Request, encoder: ClipEncoder, setting: Setting, images: Images) -> dict[str, Any]:
    """The arguments of start_run."""
    source = None if request.from_run is None else run_folder.read_run(request.from_run)
    config = _config_of(request, encoder, setting, images)
    if source is not None:
        config |= config_of_source(source, images.shots)
    return {
        "dataset": request.dataset,
        "task": setting.task,
        "k_shot": setting.k_shot,
        "seed": setting.seed if source is None else source.seed,
        "method": request.method,
        "experiment": request.experiment,
        "variant": setting.variant,
        "model": {
            "name": encoder.name, "pretrained": encoder.pretrained, "weights_sha256": encoder.weights_sha256,
        },
        "render": request.render,
        "selection": (request if source is None else source).selection if setting.semantic else "none",
        "image_score": request.image_score,
        "config": config,
        "environment": {"device": str(encoder.device), "threads": torch.get_num_threads()},
        "source": {"kind": "run", "data_root": str(request.data_root)},
    }  # fmt: skip


def _config_of(request: Request, encoder: ClipEncoder, setting: Setting, images: Images) -> dict[str, Any]:
    """The config of a run that trains; what only text is made with is None in a run without."""
    temperature = request.backbone.temperature
    text = {
        "training": asdict(request.training) if request.from_run is None else None,
        "contexts": asdict(CONTEXTS[setting.task]),
        "temperature": encoder.temperature if temperature is None else temperature,
        "prompts": "published" if request.prompts is None else sha256_of(request.prompts),
    }
    return {
        **(text if setting.semantic else dict.fromkeys(text)),
        "memory_tap": encoder.memory_tap,
        "memory_layers": list(encoder.memory_layers),
        "precision": encoder.precision,
        "batch_size": request.batch_size,
        "shots_from": "seed" if request.shots_file is None else str(request.shots_file),
        "from_run": None,
        "shots": {name: [shot.name for shot in shots] for name, shots in images.shots.items()},
        "left_out_of_test": {name: sorted(names) for name, names in images.left_out.items()},
    }


def same_shots(run: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two runs have the same shots in the categories that both have."""
    shots, others = run["config"].get("shots"), other["config"].get("shots")
    if not isinstance(shots, dict) or not isinstance(others, dict):
        return False
    return all(shots[category] == others[category] for category in shots.keys() & others.keys())


def comparable(run: Mapping[str, Any]) -> Any:
    """What makes two runs the same, as run.json would hold it."""
    without = (*GROWING, *_OF_TEXT) if run["variant"] == MEMORY_ONLY else GROWING
    config = {name: value for name, value in run["config"].items() if name not in without}
    return json.loads(json.dumps({**{name: run[name] for name in _COMPARED}, "config": config}, default=asdict))
