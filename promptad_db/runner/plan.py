"""From a request to its runs: which shots, which test images, and which interrupted runs are gone on with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.datasets.overlap import support_in_test
from promptad_db.datasets.shots import draw_shots, read_shots_file
from promptad_db.errors import InputError
from promptad_db.model.promptad import CONTEXTS
from promptad_db.records import Setting
from promptad_db.storage import subfolders
from promptad_db.storage.files import sha256_of
from promptad_db.tracking import ActiveRun, resume_run, start_run

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from promptad_db.datasets import Category, LabelledImage
    from promptad_db.datasets.shots import ShotsFile
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.records import RunInfo
    from promptad_db.runner.request import Request

Refused = dict[tuple[str, Setting], str]  # category and run, and why

# What a run has beside its settings: it may grow when a run is gone on with.
_GROWING = ("shots", "left_out_of_test", "learned")
_COMPARED = (
    "dataset", "task", "k_shot", "seed", "method", "experiment", "variant", "model", "selection", "image_score", "render",
)  # fmt: skip


@dataclass
class Job:
    """One run: what it still has to do. ``shots`` and ``left_out`` (names of test images) are by category."""

    run: ActiveRun
    setting: Setting
    shots: dict[str, tuple[LabelledImage, ...]]
    left_out: dict[str, frozenset[str]]
    done: set[str] = field(default_factory=set)

    @property
    def semantic(self) -> bool:
        """Whether the run has a semantic branch."""
        return self.setting.semantic

    def learned(self, category: str, description: dict[str, Any]) -> None:
        """Keep what people should know of what was learned in a category."""
        run_folder.note_learned(self.run.folder, category, description)


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
    chosen = read_shots_file(request.shots_file) if request.shots_file else None
    for setting in settings_of(request):
        shots, left_out = _images(request, categories, setting, chosen, refused)
        if not shots:
            continue
        wanted = _describe(request, encoder, setting, shots, left_out)
        earlier = _earlier(root, wanted, setting)
        if earlier is not None and request.resume:
            done = set(run_folder.list_categories(earlier))
            run = _go_on(earlier, request, wanted) if set(shots) - done else _finished(earlier, request)
            notes.append(f"{run.run_id}: {len(done & set(shots))} of {len(shots)} categories are done already")
        else:
            done = set()
            run = start_run(**wanted, fusions=request.fusions, runs=runs, db=False)
            if earlier is not None and run_folder.read_run(earlier).status != "finished":
                notes.append(f"{earlier.name} was interrupted; --resume goes on with it")
        notes += [
            f"{name}: {len(names)} support images are in the test set, by content; not tested: {', '.join(sorted(names))}"
            for name, names in left_out.items()
        ]
        jobs.append(Job(run, setting, shots, left_out, done))
    return jobs, list(dict.fromkeys(notes))


def reopen_jobs(request: Request, category: Category, folders: Mapping[Setting, Path]) -> list[Job]:
    """The runs in ``folders``, made by ``make_jobs`` of this request, that lack a category; their run.json stays as it is."""
    chosen = read_shots_file(request.shots_file) if request.shots_file else None
    jobs = []
    for setting, folder in folders.items():
        if category.name not in run_folder.list_categories(folder):
            shots, left_out = _images(request, [category], setting, chosen)
            run = ActiveRun(folder, run_folder.read_run(folder), request.fusions, db=False)
            jobs.append(Job(run, setting, shots, left_out))
    return jobs


def _images(
    request: Request,
    categories: list[Category],
    setting: Setting,
    chosen: ShotsFile | None,
    refused: Refused | None = None,
) -> tuple[dict[str, tuple[LabelledImage, ...]], dict[str, frozenset[str]]]:
    if request.from_run is not None:
        return {category.name: () for category in categories}, {}
    shots: dict[str, tuple[LabelledImage, ...]] = {}
    left_out: dict[str, frozenset[str]] = {}
    for category in categories:
        try:
            shots[category.name] = (
                chosen.shots(category, setting.k_shot) if chosen else draw_shots(category, setting.k_shot, setting.seed)
            )
        except InputError as error:
            if refused is None:
                raise
            refused[category.name, setting] = str(error)
            continue
        if names := support_in_test(shots[category.name], category.test):
            left_out[category.name] = frozenset(names)
    return shots, left_out


def _describe(
    request: Request,
    encoder: ClipEncoder,
    setting: Setting,
    shots: dict[str, tuple[LabelledImage, ...]],
    left_out: dict[str, frozenset[str]],
) -> dict[str, Any]:
    """The arguments of start_run."""
    semantic = setting.semantic
    temperature = request.backbone.temperature
    config = {
        "training": asdict(request.training) if semantic and request.from_run is None else None,
        "contexts": asdict(CONTEXTS[setting.task]) if semantic else None,
        "temperature": encoder.temperature if temperature is None else temperature,
        "memory_tap": encoder.memory_tap,
        "memory_layers": list(encoder.memory_layers),
        "precision": encoder.precision,
        "batch_size": request.batch_size,
        "prompts": "published" if request.prompts is None else sha256_of(request.prompts),
        "shots_from": "seed" if request.shots_file is None else str(request.shots_file),
        "from_run": None if request.from_run is None else request.from_run.name,
        "shots": {name: [shot.name for shot in chosen] for name, chosen in shots.items()},
        "left_out_of_test": {name: sorted(names) for name, names in left_out.items()},
    }
    selection = request.selection
    if request.from_run is not None:
        source = run_folder.read_run(request.from_run)
        selection = source.selection
        config["learned"] = _learned_by(source, shots)
    return {
        "dataset": request.dataset,
        "task": setting.task,
        "k_shot": setting.k_shot,
        "seed": setting.seed,
        "method": request.method,
        "experiment": request.experiment,
        "variant": setting.variant,
        "model": {
            "name": encoder.name, "pretrained": encoder.pretrained, "weights_sha256": encoder.weights_sha256,
        },
        "render": request.render,
        "selection": selection if semantic else "none",
        "image_score": request.image_score,
        "config": config,
        "environment": {"device": str(encoder.device)},
        "source": {"kind": "run", "data_root": str(request.data_root)},
    }  # fmt: skip


def _learned_by(source: RunInfo, categories: Iterable[str]) -> dict[str, Any]:
    """What the run whose prompts are evaluated says that it learned in these categories."""
    learned = source.config.get("learned")
    return {name: learned[name] for name in categories if name in learned} if isinstance(learned, dict) else {}


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
    config = {name: value for name, value in run["config"].items() if name not in _GROWING}
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
