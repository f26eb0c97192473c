"""The contract on disk, run folder format 1: the only reader and the only writer of run folders.

    runs/<run_id>/run.json
    runs/<run_id>/<category>/images.parquet, maps.parquet, masks.parquet, metrics.json, timings.json, weights.safetensors,
                             manifest.json

A category is there whole or not at all: ``places`` says how, on this machine and on stores. Whoever reads one holds
its files against its manifest, and run.json against the hash that stands in it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any, TypeVar

from promptad_db.errors import InputError, RunLockedError, UsageError
from promptad_db.run_folder.category import (
    MAPS_FILE,
    WEIGHTS_FILE,
    gate_path,
    read_category_files,
    read_weights,
    write_category_files,
)
from promptad_db.run_folder.places import RUN_FILE, changing, storage_of
from promptad_db.run_folder.run_json import (
    checked_run_id,
    content_of,
    read_run,
    update_run,
    write_run,
)
from promptad_db.storage import each, files, folder_at, is_remote, reaching, subfolders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.records import CategoryResult, RunInfo
    from promptad_db.run_folder.places import Content
    from promptad_db.run_folder.places.run_storage import RunStorage

_Answer = TypeVar("_Answer")

_TRASH = ".trash"
_LEARNED = ".learned-"


def default_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Where run folders go, a path or an fsspec address: the argument, else PROMPTAD_RUNS, else ./runs.

    Raises UsageError for a path that is not UTF-8 text: no database could say where these runs are.
    """
    chosen = root or os.environ.get("PROMPTAD_RUNS") or "runs"
    if not files.is_text(str(chosen)) or "\0" in str(chosen):
        raise UsageError(
            f"runs {str(chosen)!r}: not a path in UTF-8", "rename the folder, or give another one as --runs"
        )
    return folder_at(chosen)


def create_run(root: Path, info: RunInfo) -> Path:
    """Make the folder of a new run, which appears with its run.json in it; an existing one of this id is an InputError."""
    folder = root / checked_run_id(info.run_id, root)
    try:
        storage_of(folder).create(content_of(info, folder / RUN_FILE))
    except FileExistsError as error:
        raise InputError(f"{folder}: a run folder of this id exists") from error
    return folder


def note_learned(folder: Path, category: str, description: dict[str, Any]) -> None:
    """Keep beside run.json what a run says of what it learned in a category, until ``gather_learned``.

    Several processes may each be at a category of one run, but only one at a time may change its run.json.
    """
    path = folder / f"{_LEARNED}{files.folder_name(category)}.json"
    files.write_bytes(path, files.sealed_bytes(description))


def gather_learned(folder: Path) -> RunInfo:
    """Move what was noted of finished and unfinished categories into the config of run.json, as ``learned``."""
    place = storage_of(folder)
    with changing(folder):
        info, notes = read_run(folder), place.loose_files(_LEARNED)
        if not notes:
            return info
        found = {files.text_of(path.stem.removeprefix(_LEARNED)): files.read_sealed(path) for path in notes}
        info = update_run(folder, config={**info.config, "learned": {**info.config.get("learned", {}), **found}})
        for path in notes:
            place.remove_file(path)
    return info


def is_run_folder(folder: Path) -> bool:
    """Whether a folder claims to be a run folder: it has a run.json."""
    if is_remote(folder):
        with reaching(folder):
            return (folder / RUN_FILE).is_file()
    return os.path.isfile(folder / RUN_FILE)  # noqa: PTH113 - False too where pathlib raises: no permission, too long a name


def find_runs(root: Path) -> list[Path]:
    """The run folders directly below ``root``, in the order of their ids."""
    folders = subfolders(root)
    return list(compress(folders, each(root, is_run_folder, folders)))


def walk_runs(root: Path) -> Iterator[Path]:
    """The run folders at any depth below ``root``, in the order of their paths; ``root`` itself if it is one.

    Folders in it that may not be listed, such as lost+found, are passed over; a ``root`` that may not is an OSError.
    """
    if is_run_folder(root):
        yield root
        return
    folders = subfolders(root)
    for folder, is_run in zip(folders, each(root, is_run_folder, folders), strict=True):
        if is_run:
            yield folder
        elif not folder.is_symlink():
            with suppress(PermissionError):
                yield from walk_runs(folder)


def stamp(folder: Path) -> object:
    """What changes whenever run.json or a finished category of a run does, for little work; None when the run is gone."""
    return storage_of(folder).stamp()


def list_categories(folder: Path) -> list[str]:
    """The finished categories of a run, sorted."""
    return sorted({files.text_of(name) for name in storage_of(folder).categories() if _is_category_name(name)})


def times(folder: Path) -> tuple[datetime, dict[str, datetime]]:
    """When run.json was last written, and when each finished category was."""
    found = storage_of(folder).times()
    written = found.pop(RUN_FILE)
    return written, {files.text_of(name): time for name, time in found.items() if _is_category_name(name)}


def category_folder(folder: Path, category: str) -> Path:
    """The folder of one category, always directly below the run folder."""
    return folder / _name_in(folder, category)


def write_category(
    folder: Path,
    result: CategoryResult,
    *,
    replace_existing: bool = False,
    keep_rest: bool = False,
    durable: bool = True,
) -> Path:
    """Write one category of a run; it appears under its name when it is complete.

    With ``keep_rest`` the files of an existing category that the result does not hold (weights, gates) stay with it. Who
    writes many can leave it to one ``make_durable`` afterwards that they outlast a power failure under their names.
    """
    place, name = storage_of(folder), _name_in(folder, result.category)
    there = place.categories()
    if not replace_existing and name in there:
        raise InputError(f"{folder / name}: this category is logged already", "log each category of a run once")
    if name not in there and not is_remote(folder) and (folder / name).exists():
        alike = [other for other in there if other.lower() == name.lower()]
        what = f"the category {alike[0]!r}, which this file system takes for it" if alike else "something else"
        raise InputError(f"{folder / name}: there is {what} already", "give the category another name")
    place.write(name, lambda empty: write_category_files(empty, result), keep_rest=keep_rest)
    if durable:
        place.sync()
    return folder / name


def make_durable(folder: Path) -> None:
    """Have the categories that were written to a run outlast a power failure."""
    storage_of(folder).sync()


def read_category(folder: Path, category: str) -> CategoryResult:
    """Read one category back; whatever cannot be trusted is an InputError that names the file."""
    return read_whole_category(folder, category)[0]


def read_whole_category(folder: Path, category: str) -> tuple[CategoryResult, Content]:
    """As ``read_category``, with the fingerprint of the files that it was read from, and whether a manifest vouches for
    them.
    """
    return _read(folder, category, lambda content: (read_category_files(content.folder, category), content))


def recover_interrupted(folder: Path) -> None:
    """Put back the categories of a run whose replacement was killed half way; they can be read all the same."""
    place = storage_of(folder)
    if place.interrupted():
        with suppress(RunLockedError, PermissionError), changing(folder):
            place.tidy(alone=False)


def read_category_weights(folder: Path, category: str) -> dict[str, NDArray[Any]]:
    """What a run learned in one category, arrays by name; an InputError names the file when there is none."""
    return _read(folder, category, lambda content: read_weights(content.folder / WEIGHTS_FILE), only=[WEIGHTS_FILE])


def has_weights(folder: Path, category: str) -> bool:
    """Whether a run kept what it learned in one category."""
    return storage_of(folder).holds(_name_in(folder, category), WEIGHTS_FILE)


def has_gate(folder: Path, category: str, branch: str) -> bool:
    """Whether a run kept the learned gate of a fused branch in one category."""
    return storage_of(folder).holds(_name_in(folder, category), gate_path(folder, branch).name)


def has_maps(folder: Path, category: str) -> bool:
    """Whether a run kept anomaly maps in one category."""
    return storage_of(folder).holds(_name_in(folder, category), MAPS_FILE)


def read_category_gate(folder: Path, category: str, branch: str = "gate") -> dict[str, Any]:
    """The learned gate of a fused branch, as it is stored; an InputError names the file when there is none."""

    def read(content: Content) -> dict[str, Any]:
        path = gate_path(content.folder, branch)
        files.require_own(path)
        gate = files.read_json(path)
        if not isinstance(gate, dict):
            raise InputError(f"{path}: holds no object")
        return gate

    return _read(folder, category, read, only=[gate_path(folder, branch).name])


def examine_category(folder: Path, category: str) -> Content:
    """The files of a category with all that is wrong with them; InputError when nothing can be said of them."""
    return _of_one_writing(folder, category, lambda place, name: place.examined(name))


def accept_changes(folder: Path, categories: Iterable[str]) -> None:
    """Take run.json and the files of some categories as right, as they are now, and write their hashes anew.

    Raises InputError for what cannot be read; that keeps its old hashes.
    """
    with changing(folder):
        write_run(folder, read_run(folder, changed=True))
        for category in categories:
            name = _name_in(folder, category)
            storage_of(folder).seal(name, partial(read_category_files, category=category))


def remove_unfinished(folder: Path) -> None:
    """Take away what a killed process left half written in a run folder that nobody else writes to."""
    with changing(folder):
        storage_of(folder).tidy(alone=True)


def copy_run(folder: Path, root: Path) -> Path:
    """Copy a run below another root, here or on a store; what is there already, with the same files, is kept.

    Returns the copy. Raises InputError for a run that is being written.
    """
    info, source, copy = read_run(folder), storage_of(folder), storage_of(root / folder.name)
    if info.status == "running":
        raise InputError(f"{folder}: is running", "copy it when it is finished; a killed run goes on with run --resume")
    if not is_run_folder(copy.folder):
        create_run(root, info)
    there = copy.categories()
    for name in source.categories():
        if name not in there or copy.fingerprint(name) != source.fingerprint(name):
            with source.reading(name) as content:
                copy.take(name, content.folder)
    write_run(copy.folder, info)
    return copy.folder


def discard(folder: Path) -> Path:
    """Move a run to the trash beside it; where it is then."""
    with changing(folder):
        return storage_of(folder).discard(folder.parent / _TRASH)


def category_fingerprint(folder: Path, category: str) -> str:
    """A hash of all files of a category, which are as its manifest says: equal means unchanged."""
    return _of_one_writing(folder, category, lambda place, name: place.fingerprint(name))


def _read(
    folder: Path, category: str, read: Callable[[Content], _Answer], *, only: Collection[str] | None = None
) -> _Answer:
    """What ``read`` makes of the files of a category, which are as its manifest says."""

    def ask(place: RunStorage, name: str) -> _Answer:
        with place.reading(name, only) as content:
            return read(content)

    return _of_one_writing(folder, category, ask)


def _of_one_writing(folder: Path, category: str, ask: Callable[[RunStorage, str], _Answer]) -> _Answer:
    """What is asked of a category; asked again when its files were replaced meanwhile."""
    place, name = storage_of(folder), _name_in(folder, category)
    while not is_remote(folder):
        before = place.writing_of(name)
        try:
            answer = ask(place, name)
        except (InputError, OSError):
            if place.writing_of(name) == before:
                raise
        else:
            if place.writing_of(name) == before:
                return answer
    return ask(place, name)  # on a store the marker says which files are of one writing


def _name_in(folder: Path, category: str) -> str:
    """The name of a category's folder; where an older version wrote it, the one that this gave it."""
    name, older = files.folder_name(category), files.older_folder_name(category)
    return older if older != name and older in storage_of(folder).categories() else name


def _is_category_name(name: str) -> bool:
    """Whether ``write_category`` could have given a folder this name."""
    try:
        category = files.text_of(name)
        return name in (files.folder_name(category), files.older_folder_name(category))
    except (InputError, UnicodeDecodeError):
        return False
