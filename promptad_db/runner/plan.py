"""From a request to its runs: which shots, which test images, and which interrupted runs are gone on with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import torch

from promptad_db import run_folder
from promptad_db.datasets.overlap import support_in_test
from promptad_db.datasets.shots import draw_shots, read_shots_file
from promptad_db.errors import InputError
from promptad_db.model.promptad import CONTEXTS
from promptad_db.records import MEMORY_ONLY, Setting
from promptad_db.runner.source import config_of_source, source_shots_in_test
from promptad_db.storage import subfolders
from promptad_db.storage.files import sha256_of
from promptad_db.tracking import ActiveRun, resume_run, start_run

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from promptad_db.datasets import Category, LabelledImage
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.runner.request import Request

Refused = dict[tuple[str, Setting], str]  # category and run, and why

# What a run has beside its settings: it may grow when a run is gone on with.
_GROWING = ("shots", "left_out_of_test", "learned")
_OF_TEXT = ("temperature", "prompts")  # older versions wrote them down for runs without text too
_COMPARED = (
    "dataset", "task", "k_shot", "seed", "method", "experiment", "variant", "model", "selection", "image_score", "render",
)  # fmt: skip


@dataclass
class Images:
    """The images of a run, by category: its ``shots``, none where saved prompts are evaluated, and the names of the test
    images that are ``left_out`` as support images; notes on them.
    """

    shots: dict[str, tuple[LabelledImage, ...]] = field(default_factory=dict)
    left_out: dict[str, frozenset[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Job:
    """One run: its images, and the categories that are ``done``."""

    run: ActiveRun
    setting: Setting
    images: Images
    done: set[str] = field(default_factory=set)

    @property
    def left(self) -> set[str]:
        """The categories that the run still has to do."""
        return set(self.images.shots) - self.done

    @property
    def semantic(self) -> bool:
        """Whether the run has a semantic branch."""
        return self.setting.semantic

    def note(self, category: str, learned: dict[str, Any], device: str) -> None:
        """Keep what people should know of a category: what was learned, and where, if not where the run was started."""
        stored = self.run.info.config.get("learned", {}).get(category, {})
        elsewhere = {} if device == self.run.info.environment.get("device") else {"device": device}
        if noted := {**stored, **learned, **elsewhere}:
            run_folder.note_learned(self.run.folder, category, noted)


def settings_of(request: Request) -> list[Setting]:
    """Every combination of a request; those of its source run where it evaluates saved prompts."""
    if request.from_run is not None:
        source = run_folder.read_run(request.from_run)
        return [Setting(source.task, source.k_shot, source.seed or 0, source.variant)]
    return [
        Setting(task, k_shot, seed, variant)
        for variant, seed, k_shot, task in product(request.variants, request.seeds, request.k_shots, request.tasks)
    ]


def make_jobs(
    request: Request,
    categories: list[Category],
    encoder: ClipEncoder,
    *,
    runs: str | os.PathLike[str] | None,
    refused: Refused | None = None,
) -> tuple[list[Job], list[str]]:
    """The runs of a request, new ones or interrupted ones that match it, and notes on them.

    An interrupted run matches when its settings are the same: method, model, shots, prompts, training, rendering.
    A category without shots for one of the runs is an InputError, or with ``refused`` left out of the run and put there.
    """
    root = run_folder.default_root(runs)
    jobs: list[Job] = []
    notes: list[str] = []
    for setting in settings_of(request):
        images = _images_of(request, categories, setting, refused)
        notes += images.notes
        if not images.shots:
            continue
        wanted = _describe(request, encoder, setting, images)
        earlier = _earlier(root, wanted, setting)
        if earlier is None or not request.resume:
            job = Job(start_run(**wanted, fusions=request.fusions, runs=runs, db=False), setting, images)
            if earlier is not None and run_folder.read_run(earlier).status != "finished":
                notes.append(f"{earlier.name} was interrupted; --resume goes on with it")
        else:
            done = set(run_folder.list_categories(earlier))
            run = _go_on(earlier, request, wanted) if set(images.shots) - done else _finished(earlier, request)
            job = Job(run, setting, images, done)
            notes.append(
                f"{run.run_id}: {len(done & set(images.shots))} of {len(images.shots)} categories are done already"
            )
        jobs.append(job)
    return jobs, list(dict.fromkeys(notes))


def reopen_jobs(
    request: Request, category: Category, folders: Mapping[Setting, Path], encoder: ClipEncoder
) -> list[Job]:
    """The runs in ``folders``, made by ``make_jobs`` of this request, that lack a category.

    Their run.json stays as it is. Raises InputError for a run that is not what would run here and now.
    """
    jobs = []
    for setting, folder in folders.items():
        if category.name not in run_folder.list_categories(folder):
            info, images = run_folder.read_run(folder), _images_of(request, [category], setting)
            wanted = _describe(request, encoder, setting, images)
            shots = {name: info.config["shots"].get(name) for name in images.shots}
            if _comparable(vars(info)) != _comparable(wanted) or shots != wanted["config"]["shots"]:
                raise InputError(
                    f"{folder}: was started with other weights, prompts, shots or settings than this worker has",
                    "give all workers the same files, and start the sweep again",
                )
            jobs.append(Job(ActiveRun(folder, info, request.fusions, db=False), setting, images))
    return jobs


def _images_of(
    request: Request, categories: list[Category], setting: Setting, refused: Refused | None = None
) -> Images:
    images = Images()
    if request.from_run is not None:
        images.shots = {category.name: () for category in categories}
        source = run_folder.read_run(request.from_run)
        try:
            images.left_out = source_shots_in_test(source, categories)
        except InputError as error:
            images.notes.append(
                f"{source.run_id}: its support images could not be compared with the test images ({error.args[0]})"
            )
    else:
        chosen = read_shots_file(request.shots_file) if request.shots_file else None
        for category in categories:
            try:
                shots = (chosen.shots(category, setting.k_shot) if chosen
                         else draw_shots(category, setting.k_shot, setting.seed))  # fmt: skip
            except InputError as error:
                if refused is None:
                    raise
                refused[category.name, setting] = str(error)
                continue
            images.shots[category.name] = shots
            if names := support_in_test(shots, category.test):
                images.left_out[category.name] = frozenset(names)
    images.notes += [
        f"{name}: {len(names)} support images are in the test set, by content; not tested: {', '.join(sorted(names))}"
        for name, names in images.left_out.items()
    ]
    return images


def _describe(request: Request, encoder: ClipEncoder, setting: Setting, images: Images) -> dict[str, Any]:
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


def _earlier(root: Path, wanted: dict[str, Any], setting: Setting) -> Path | None:
    """The newest run folder below ``root`` that has these settings."""
    mark = f"-k{setting.k_shot}-s{setting.seed}-{setting.task}-"
    for folder in reversed(subfolders(root)):
        if mark not in folder.name or not run_folder.is_run_folder(folder):
            continue
        try:
            info = run_folder.read_run(folder)
        except (InputError, OSError):
            continue
        if _comparable(vars(info)) == _comparable(wanted):
            return folder
    return None


def _comparable(run: Mapping[str, Any]) -> Any:
    """What makes two runs the same, as run.json would hold it."""
    without = (*_GROWING, *_OF_TEXT) if run["variant"] == MEMORY_ONLY else _GROWING
    config = {name: value for name, value in run["config"].items() if name not in without}
    return json.loads(json.dumps({**{name: run[name] for name in _COMPARED}, "config": config}, default=asdict))


def _go_on(folder: Path, request: Request, wanted: dict[str, Any]) -> ActiveRun:
    run = resume_run(folder, fusions=request.fusions, db=False)
    run.info = run_folder.gather_learned(folder)
    config = {**run.info.config}
    for name in _GROWING:
        config[name] = {**config.get(name, {}), **wanted["config"].get(name, {})}
    run.info = run_folder.update_run(folder, config=config)
    return run


def _finished(folder: Path, request: Request) -> ActiveRun:
    run = ActiveRun(folder, run_folder.gather_learned(folder), request.fusions, db=False)
    if run.info.status != "finished":
        run.close("finished")
    return run
