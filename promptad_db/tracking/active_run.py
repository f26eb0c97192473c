"""The Python API for people with their own method: start a run, log categories, find them in the database."""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING, Any, Self

from promptad_db import run_folder
from promptad_db.errors import DatabaseError, InputError
from promptad_db.records import CategoryResult, Render
from promptad_db.run_folder.run_json import check_render
from promptad_db.scoring import DEFAULT_FUSIONS, image_scores, score_category
from promptad_db.tracking.arrays import collect, seconds_of
from promptad_db.tracking.description import PUBLIC_SIGMA, describe_run, known_rules
from promptad_db.tracking.environment import also_in_this

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import ArrayLike

    from promptad_db.progress import Stopwatch
    from promptad_db.records import BranchKind, RunInfo, Task

logger = logging.getLogger("promptad_db")


def start_run(
    *,
    dataset: str,
    task: Task,
    k_shot: int,
    seed: int | None,
    method: str,
    experiment: str = "default",
    variant: str = "baseline",
    model: Mapping[str, Any] | None = None,
    render: Render | tuple[int, int] | None = None,
    selection: str = "unknown",
    protocol: str = "one_class",
    image_score: str = "grid_max",
    config: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
    source: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    note: str | None = None,
    fusions: Sequence[str] = DEFAULT_FUSIONS,
    branch_kinds: Mapping[str, BranchKind] | None = None,
    runs: str | os.PathLike[str] | None = None,
    db: str | os.PathLike[str] | bool | None = None,
) -> ActiveRun:
    """Start a run and make its folder; use it as a context manager.

    ``render`` says how maps become pixel maps: a Render, or (height, width) for bilinear upsampling and a Gaussian of
    sigma 4 pixels as PromptAD does. Without it maps as large as the masks are scored as they are, and smaller ones are
    rendered at the size of the masks. ``image_score`` says what the score of an image is that has a map: the maximum of
    the map (grid_max), or of the map rendered without its Gaussian (rendered_max). ``environment`` adds to what is known
    of this machine, ``source`` says what the run read. ``fusions`` are computed beside the branches semantic and memory
    when both are logged. ``branch_kinds`` says of branches that are logged what they are: base (the default), fusion,
    gate (a fusion that was learned on other categories) or oracle (uses the labels: an upper bound). Folders go to
    ``runs``, else PROMPTAD_RUNS, else ./runs. When the block ends the run is indexed in the database ``db`` (else
    PROMPTAD_DB, else ./promptad.duckdb); ``db=False`` leaves that to ``promptad-db ingest``.

    Raises UsageError for a task, selection, protocol, image score or fusion that does not exist, and InputError, which
    names the field, for what run.json cannot hold.
    """
    info = describe_run(
        experiment=experiment, method=method, variant=variant, task=task, dataset=dataset, k_shot=k_shot, seed=seed,
        model=model, render=render, selection=selection, protocol=protocol, config=config, image_score=image_score,
        environment=environment, source=source, branch_kinds=branch_kinds, tags=tags, note=note,
    )  # fmt: skip
    rules = known_rules(fusions)
    folder = run_folder.create_run(run_folder.default_root(runs), info)
    return ActiveRun(folder, info, rules, db=db)


def resume_run(
    folder: Path, *, fusions: Sequence[str] = DEFAULT_FUSIONS, db: str | os.PathLike[str] | bool | None = None
) -> ActiveRun:
    """Go on with a run that was interrupted: its finished categories stay, what was half written goes."""
    run_folder.remove_unfinished(folder)
    environment = also_in_this(run_folder.read_run(folder).environment)
    info = run_folder.update_run(folder, status="running", finished_at=None, environment=environment)
    return ActiveRun(folder, info, tuple(fusions), db=db)


def index_runs(folders: Sequence[Path], db: str | os.PathLike[str] | bool | None) -> None:  # noqa: FBT001 - as start_run
    """Index run folders in the database ``db``, as start_run takes it.

    A database that cannot be written is a warning that names the command which finishes the job: the folders are whole.
    """
    if db is False or not folders:
        return
    from promptad_db.db import db_option, index_folders

    path = None if db is True else db
    try:
        rejected = index_folders(folders, path).rejected
    except DatabaseError as error:
        places = [str(folder) for folder in folders]
        command = ["promptad-db", "ingest", *places, *db_option(path)]
        logger.warning(
            "the run is safe in %s, but not in the database: %s\n  %s", ", ".join(places), error, shlex.join(command)
        )
        return
    for where, reason in rejected:
        logger.warning("not in the database: %s", reason if str(where) in reason else f"{where}: {reason}")


class ActiveRun:
    """A run that takes results, one category at a time.

    ``folder`` is its run folder. Leaving the block marks the run finished, or failed when an exception passes through;
    finished categories stay in both cases.
    """

    def __init__(
        self, folder: Path, info: RunInfo, fusions: tuple[str, ...], *, db: str | os.PathLike[str] | bool | None
    ) -> None:
        self.folder = folder
        self.info = info
        self._fusions = fusions
        self._db = db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish("finished" if kind is None else "failed")

    @property
    def run_id(self) -> str:
        """The id of this run."""
        return self.info.run_id

    def log_category(
        self,
        category: str,
        *,
        images: Sequence[object],
        branches: Mapping[str, ArrayLike],
        labels: ArrayLike | None = None,
        masks: ArrayLike | Sequence[ArrayLike | str | os.PathLike[str] | None] | None = None,
        defect_types: Sequence[str | None] | None = None,
        timings: Mapping[str, float] | None = None,
    ) -> CategoryResult:
        """Score one category exactly and write it to the run folder.

        ``images`` are N names, unique in the category. ``branches`` maps a branch to [N] image scores or [N, h, w]
        anomaly maps (higher = more anomalous; the image score of a map is its maximum, as ``image_score`` of the run says); arrays, lists and CPU tensors
        are taken. ``labels`` are [N] of 0 and 1, by default whether the mask has an anomalous pixel. ``masks`` are
        [N, H, W] of 0 and 1 (or 0 and 255) at the rendered size, or image files, None for a normal image. ``timings`` are
        seconds a stage.

        Raises InputError, naming the category, for anything that does not fit together; nothing is written then.
        """
        result = collect(category, images, branches=branches, labels=labels, masks=masks, defect_types=defect_types)
        result.timings = seconds_of(category, timings or {})
        if self.info.image_score == "rendered_max":
            self._score_rendered(result)
        return self.log_result(result)

    def log_result(self, result: CategoryResult, clock: Stopwatch | None = None) -> CategoryResult:
        """Score one category, whose arrays are of the right types and shapes, and write it to the run folder.

        With a ``clock`` the seconds it has counted, and those of the scoring, become the timings of the category.
        Raises InputError, naming the category, for what does not fit together; nothing is written then.
        """
        self._check_task(result)
        settings = self._settings(result)
        try:
            result.metrics = score_category(result, settings, self._fusions, clock)
        except InputError as error:
            raise InputError(f"category {result.category!r}: {error}") from error
        if clock is not None:
            result.timings = clock.seconds
        run_folder.write_category(self.folder, result)
        if settings != self.info.render:
            self.info = run_folder.update_run(self.folder, render=settings)
        return result

    def finish(self, status: str) -> None:
        """Mark the run as ``finished`` or ``failed`` and index it in the database."""
        self.close(status)
        index_runs([self.folder], self._db)

    def close(self, status: str) -> None:
        """Mark the run as ``finished`` or ``failed``."""
        self.info = run_folder.update_run(self.folder, status=status, finished_at=run_folder.now())

    def _check_task(self, result: CategoryResult) -> None:
        if self.info.task == "seg" and not result.maps:
            raise InputError(
                f"category {result.category!r}: a seg run needs anomaly maps",
                "pass [N, h, w] arrays in branches, and the ground truth in masks",
            )
        if self.info.task == "seg" and result.masks is None:
            raise InputError(f"category {result.category!r}: a seg run needs masks", "pass masks=[N, H, W]")
        if self.info.task == "cls" and result.labels is None:
            raise InputError(f"category {result.category!r}: a cls run needs labels", "pass labels=[N]")

    def _score_rendered(self, result: CategoryResult) -> None:
        """Take the scores of images from their rendered maps."""
        settings = self._settings(result)
        try:
            for branch, maps in result.maps.items():
                result.scores[branch] = image_scores(maps, self.info.image_score, settings)
        except InputError as error:
            raise InputError(f"category {result.category!r}: {error.args[0]}", error.hint) from error

    def _settings(self, result: CategoryResult) -> Render | None:
        """How the maps of this category are rendered: as the run says, or as its first masks suggest."""
        if result.masks is None:
            return self.info.render
        size = (result.masks.shape[1], result.masks.shape[2])
        if self.info.render is None:
            as_is = all(maps.shape[1:] == size for maps in result.maps.values())
            render = Render(*size, "none", 0.0) if as_is else Render(*size, "bilinear", PUBLIC_SIGMA)
            check_render(render, f"category {result.category!r}: masks")
            return render
        settings = self.info.render
        if size != (settings.height, settings.width):
            raise InputError(
                f"category {result.category!r}: masks are {size[0]} x {size[1]}, but the run renders maps at "
                f"{settings.height} x {settings.width}",
                "resize the masks (nearest neighbour), or start the run with render=(height, width)",
            )
        return settings
