"""A pass in parts, for several processes: the runs are made once, then anybody may add any category to them."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from promptad_db import run_folder
from promptad_db.datasets import open_dataset
from promptad_db.errors import InputError, PromptadError
from promptad_db.runner.description import settings_of
from promptad_db.runner.loop import Work, load_encoder, needs_masks
from promptad_db.runner.plan import make_jobs, reopen_jobs

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from promptad_db.model.clip import ClipEncoder
    from promptad_db.progress import Callbacks
    from promptad_db.records import Setting
    from promptad_db.runner.images import Refused
    from promptad_db.runner.request import Backbone, Request


@dataclass
class Prepared:
    """The run folders of a request by setting, the categories that a run cannot have with the reason, and notes."""

    folders: dict[Setting, Path]
    refused: Refused = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def prepare(request: Request, *, runs: str | os.PathLike[str]) -> Prepared:
    """Make the runs of a request, or find those to go on with, and compute nothing.

    A category that cannot be used, by all runs or by some, is left out of them. Nobody else may be at work on these
    runs. Raises InputError for data or weights, UsageError for a request, that cannot be used at all.
    """
    dataset = open_dataset(request.dataset, request.data_root)
    prepared = Prepared({})
    categories = []
    for name in request.categories or dataset.categories:
        try:
            categories.append(dataset.category(name, masks=needs_masks(request)))
        except InputError as error:
            prepared.refused |= {(name, setting): str(error) for setting in settings_of(request)}
    jobs, prepared.notes = make_jobs(request, categories, _encoder_of(request), runs=runs, refused=prepared.refused)
    prepared.folders = {job.setting: job.run.folder for job in jobs}
    return prepared


def run_category(
    request: Request, category: str, folders: Mapping[Setting, Path], callbacks: Callbacks
) -> dict[Setting, str]:
    """Add one category to those of the runs in ``folders``, from ``prepare``, that lack it; its images are encoded once.

    Returns why settings failed; the others are done. Somebody else may be at the same category: who is first counts.
    Raises InputError when nothing can be done, as for an image that cannot be read.
    """
    for folder in folders.values():
        if not run_folder.is_run_folder(folder):
            raise InputError(
                f"{folder}: not a run folder of this machine",
                "--runs and --data-root must be storage that all machines share",
            )
    images = open_dataset(request.dataset, request.data_root).category(category, masks=needs_masks(request))
    encoder = _encoder_of(_as_started(request, folders))
    jobs = reopen_jobs(request, images, folders, encoder)
    if not jobs:
        return {}
    work = Work(request, encoder, callbacks)
    data = work.encode(images, jobs, {})
    failed = {}
    for job in jobs:
        try:
            callbacks.cell(work.evaluate(job, data))
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in one run, the others go on
            if category not in run_folder.list_categories(job.run.folder):
                failed[job.setting] = reason_of(error)
    return failed


def use_threads(threads: int) -> None:
    """Let this process compute with so many threads, on which the last bits of numbers depend."""
    torch.set_num_threads(threads)


def reason_of(error: Exception) -> str:
    """Why something failed: the words of an error that is meant to be read, else also where it was raised."""
    if isinstance(error, PromptadError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno})"


def _as_started(request: Request, folders: Mapping[Setting, Path]) -> Request:
    """The request in the precision that its runs have; where they were started decided on the default one."""
    info = run_folder.read_run(next(iter(folders.values())))
    return replace(request, backbone=replace(request.backbone, precision=info.config.get("precision")))


def _encoder_of(request: Request) -> ClipEncoder:
    return _load(request.backbone, text=any(setting.semantic for setting in settings_of(request)))


@lru_cache(maxsize=1)
def _load(backbone: Backbone, *, text: bool) -> ClipEncoder:
    return load_encoder(backbone, text=text)
