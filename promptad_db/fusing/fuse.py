"""What if: new branches from the stored scores of runs, into their run folders and the database, without the model."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db import database_path, db_option, index_folders
from promptad_db.errors import DatabaseError, InputError, NoRowsError, UsageError
from promptad_db.fusing.outcome import FuseOutcome, Rejection, lines_of, rejection_of
from promptad_db.fusing.runs import FuseOptions, Fusion
from promptad_db.fusing.trainings import runs_averaged_with
from promptad_db.fusion.recipes import custom_recipe, recipes
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.selection import Filters
    from promptad_db.fusion.recipes import Recipe
    from promptad_db.fusion.rules import Rule

_NOT_OF_RUNS = ("categories", "branches", "provenance")


def fuse(
    run: str | os.PathLike[str],
    rule: str | Rule,
    *,
    name: str | None = None,
    calibrate: str = "none",
    db: str | os.PathLike[str] | None = None,
    replace: bool = False,
) -> FuseOutcome:
    """Fuse the two branches of a run by a rule and store the new branch with its exact numbers.

    ``run`` is a run folder, or a run id (or an unambiguous part of one) in the database ``db``, else PROMPTAD_DB, else
    ./promptad.duckdb. ``rule`` is max, harmonic, mean, weighted:SHARE, rank-mean, oracle, by-type, gate or gate-hard, or a
    function ``rule(semantic, memory)`` of two arrays of one shape, [N] image scores in float64 and, for a run with maps,
    [N, h, w] unrendered maps in float32 or float64, that returns one; its branch is called ``name``, that of a gate gate_NAME.
    ``calibrate`` puts the branches on one scale first: none, minmax, rank or zscore-normal. The same fusion twice
    changes nothing.

    Raises InputError, with every reason, when a category could not be fused: the others are fused and stored all the
    same; UsageError for a rule or name that cannot be; NoRowsError for a run without any scores.
    """
    chosen = [custom_recipe(rule, name, calibrate)] if callable(rule) else recipes([rule], calibrate, name=name)
    database = database_path(db)
    folder = folder_at(run)
    if not run_folder.is_run_folder(folder):
        from promptad_db.db.queries.runs import folder_of

        folder = folder_of(database, os.fspath(run))
    outcome = fuse_folders([folder], chosen, database, FuseOptions(replace=replace))
    if outcome.rejected:
        raise InputError("; ".join(lines_of(outcome.rejected)))
    return outcome


def fuse_selected(
    filters: Filters,
    chosen: Sequence[Recipe],
    database: Where,
    options: FuseOptions,
    *,
    runs: str | os.PathLike[str] | None = None,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> FuseOutcome:
    """Fuse the runs that the filters choose from the database; a folder that has moved is looked for in ``runs``.

    A run whose folder is gone is rejected, the others are fused. Raises NoRowsError when no run matches.
    """
    from promptad_db.db.queries.runs import select_folders

    selected, notes = select_folders(database, filters)
    folders, missing = [], []
    for run_id, stored in selected.items():
        places = (stored, run_folder.default_root(runs) / run_id)
        folder = next((place for place in places if run_folder.is_run_folder(place)), None)
        if folder is None:
            reason = "its folder is gone; bring it back, or say where run folders are with --runs"
            missing.append(Rejection(stored, reason, reason))
        else:
            folders.append(folder)
    outcome = fuse_folders(folders, chosen, database, options, progress) if folders else FuseOutcome()
    outcome.rejected = missing + outcome.rejected
    outcome.notes = notes + outcome.notes
    return outcome


def fuse_paths(
    paths: Sequence[Path],
    filters: Filters,
    chosen: Sequence[Recipe],
    database: Where,
    options: FuseOptions,
    *,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> FuseOutcome:
    """Fuse run folders by their paths; of the filters only that of categories can go with them."""
    others = {name: value for name, value in vars(filters).items() if name not in _NOT_OF_RUNS}
    if any(value is not None for value in others.values()):
        raise UsageError("run folders and filters of runs are both given", "give folders, or --run, --experiment, ...")
    foreign = [path for path in paths if not run_folder.is_run_folder(path)]
    if foreign:
        raise InputError(
            f"{foreign[0]}: not a run folder (no run.json)", "import other results with promptad-db ingest"
        )
    return fuse_folders(paths, chosen, database, options, progress)


def fuse_folders(
    folders: Sequence[Path],
    chosen: Sequence[Recipe],
    database: Where,
    options: FuseOptions,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> FuseOutcome:
    """Fuse run folders by each recipe, category by category, and index all of them in one transaction.

    A gate is trained on all categories of the folders that may enter, whichever are fused. Raises NoRowsError when
    none of them has scores; DatabaseError when the database cannot be written, and the folders are complete then.
    """
    folders = list({folder.resolve(): None for folder in folders})
    outcome = FuseOutcome(folders=folders)
    work = Fusion(chosen, options, outcome)
    work.learn(progress)
    if work.learning:
        work.keep_trainings_apart(runs_averaged_with(folders, database))
    for done, folder in enumerate(folders, start=1):
        try:
            work.fuse_run(folder)
        except InputError as error:
            outcome.rejected.append(rejection_of(folder, error))
        progress("fusing runs", done, len(folders))
    outcome.rejected = list(dict.fromkeys(outcome.rejected))
    if not outcome.cells and not outcome.rejected:
        reasons = "; ".join(lines_of(outcome.skipped)) or "no category matches"
        raise NoRowsError(f"there are no stored scores to fuse ({reasons})", "see what there is: promptad-db runs list")
    _index(outcome, database)
    return outcome


def _index(outcome: FuseOutcome, database: Where) -> None:
    try:
        indexed = index_folders(outcome.folders, database, replace=True, at_once=True)
    except DatabaseError as error:
        places = [str(folder) for folder in outcome.folders]
        command = shlex.join(["promptad-db", "ingest", "--replace", *places, *db_option(database)])
        error.hint += f"\n  the run folders are complete; this will finish the job: {command}"
        raise
    named = {rejection.where for rejection in outcome.rejected}
    outcome.rejected += [Rejection(where, reason, reason) for where, reason in indexed.rejected if where not in named]
