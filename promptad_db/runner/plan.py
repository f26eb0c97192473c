"""The runs of a request: new ones, or interrupted ones that are resumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.errors import InputError
from promptad_db.runner.description import GROWING, comparable, describe, same_shots, settings_of
from promptad_db.runner.images import images_of
from promptad_db.storage import subfolders
from promptad_db.tracking import ActiveRun, resume_run, start_run

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from promptad_db.datasets import Category
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.records import Setting
    from promptad_db.runner.images import Images, Refused
    from promptad_db.runner.request import Request


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
        images = images_of(request, categories, setting, refused)
        notes += images.notes
        if not images.shots:
            continue
        arguments = describe(request, encoder, setting, images)
        earlier = _run_alike(root, arguments, setting)
        if earlier is None or not request.resume:
            job = Job(start_run(**arguments, fusions=request.fusions, runs=runs, db=False), setting, images)
            if earlier is not None and run_folder.read_run(earlier).status != "finished":
                notes.append(f"{earlier.name} was interrupted; --resume goes on with it")
        else:
            done = set(run_folder.list_categories(earlier))
            run = _resumed(earlier, request, arguments) if set(images.shots) - done else _finished(earlier, request)
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
            info, images = run_folder.read_run(folder), images_of(request, [category], setting)
            arguments = describe(request, encoder, setting, images)
            if comparable(vars(info)) != comparable(arguments) or not same_shots(vars(info), arguments):
                raise InputError(
                    f"{folder}: was started with other weights, prompts, shots or settings than this worker has",
                    "give all workers the same files, and start the sweep again",
                )
            jobs.append(Job(ActiveRun(folder, info, request.fusions, db=False), setting, images))
    return jobs


def _run_alike(root: Path, arguments: dict[str, Any], setting: Setting) -> Path | None:
    """The newest run folder below ``root`` that has these settings."""
    mark = f"-k{setting.k_shot}-s{setting.seed}-{setting.task}-"
    for folder in reversed(subfolders(root)):
        if mark not in folder.name or not run_folder.is_run_folder(folder):
            continue
        try:
            info = run_folder.read_run(folder)
        except (InputError, OSError):
            continue
        if comparable(vars(info)) == comparable(arguments) and same_shots(vars(info), arguments):
            return folder
    return None


def _resumed(folder: Path, request: Request, arguments: dict[str, Any]) -> ActiveRun:
    run = resume_run(folder, fusions=request.fusions, db=False)
    run.info = run_folder.gather_learned(folder)
    config = {**run.info.config}
    for name in GROWING:
        config[name] = {**config.get(name, {}), **arguments["config"].get(name, {})}
    run.info = run_folder.update_run(folder, config=config)
    return run


def _finished(folder: Path, request: Request) -> ActiveRun:
    run = ActiveRun(folder, run_folder.gather_learned(folder), request.fusions, db=False)
    if run.info.status != "finished":
        run.close("finished")
    return run
