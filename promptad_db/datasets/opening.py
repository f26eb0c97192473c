"""Finding a dataset below a root by what lies there, and saying what was looked for when it is not there."""

from __future__ import annotations

from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING

from promptad_db.datasets.categories import KINDS
from promptad_db.datasets.dataset import Dataset
from promptad_db.datasets.layout import GOOD, is_category, places
from promptad_db.datasets.listing import entries, is_file, is_folder, look_again
from promptad_db.datasets.split_csv import TABLE, read_split
from promptad_db.errors import InputError, UsageError
from promptad_db.storage import folder_at, is_remote

if TYPE_CHECKING:
    import os
    from pathlib import Path

_SHOWN = 6
_LOOKED_INTO = 200


def open_dataset(name: str, root: str | os.PathLike[str]) -> Dataset:
    """The dataset ``name`` at ``root``, whose layout is recognised by content.

    MVTec AD's folders (``<category>/train/good``, ``<category>/test/<defect type>``, ``<category>/ground_truth``), the
    same with VisA converted to it, or VisA as published (``split_csv/1cls.csv``); the root is the dataset itself, or
    holds it in a folder ``name`` or ``1cls``. Categories are sorted. The root may be the address of a
    folder on a store, such as ``s3://bucket/mvtec``.

    Raises InputError, with what was looked for and what is there, when there is none, or when it is another dataset
    than its name says; UsageError for a name that is no plain word.
    """
    if name in {"", ".."} or PurePath(name).name != name:
        raise UsageError(f"{name!r} is not the name of a dataset", f"try {' or '.join(KINDS)}, or a plain word")
    try:
        folder = folder_at(root)
        look_again(folder)
        dataset = next(filter(None, (_at(name, place) for place in places(folder, name))), None)
        if dataset is None:
            raise _nothing_found(name, folder)
    except OSError as error:
        mend = "check --data-root" + (", and the credentials for it" if "://" in str(error.filename) else "")
        raise InputError(f"{error.filename or root}: cannot be read ({error.strerror})", mend) from error
    _require_its_own(dataset)
    return dataset


def _at(name: str, place: Path) -> Dataset | None:
    folders = tuple(_categories(place))
    if is_file(place / TABLE):
        in_table = tuple(read_split(place))
        # A copy that was converted in place may have kept the table whose images are gone.
        if in_table and (not folders or any(is_folder(place / category / "Data") for category in in_table)):
            return Dataset(name, place, "split_csv", in_table)
    return Dataset(name, place, "folders", folders) if folders else None


def _categories(place: Path) -> list[str]:
    return [name for name in _folders(place) if is_category(place / name)] if is_folder(place) else []


def _folders(place: Path) -> list[str]:
    """The folders in a folder, sorted, hidden ones left out."""
    return sorted(entry.name for entry in entries(place) if entry.is_folder and not entry.name.startswith("."))


def _require_its_own(dataset: Dataset) -> None:
    """A known name must fit at least one category, lest numbers are stored under the wrong dataset."""
    known = KINDS.get(dataset.name)
    if known is None or known.keys() & set(dataset.categories):
        return
    others = [name for name, kinds in KINDS.items() if kinds.keys() & set(dataset.categories)]
    raise InputError(
        f"{dataset.root}: has no category of {dataset.name} (looked for {_first(sorted(known))}; "
        f"found {_first(dataset.categories)})",
        f"it looks like {others[0]}: give --dataset {others[0]}" if others else "give it a --dataset name of its own",
    )


def _nothing_found(name: str, root: Path) -> InputError:
    if not is_folder(root):
        if is_remote(root) or not root.exists():
            return InputError(f"{root}: no such folder", "check --data-root")
        return InputError(f"{root}: not a folder", f"give the folder that holds {name}")
    looked_for = f"<category>/train/{GOOD} and <category>/test, or {TABLE.as_posix()}"
    where = ", ".join(str(place) for place in places(root, name))
    found = sorted(entry.name for entry in entries(root) if not entry.name.startswith("."))
    return InputError(
        f"{root}: no dataset here (looked for {looked_for}, in {where}; found {_first(found)})",
        _hint(name, root),
    )


def _hint(name: str, root: Path) -> str:
    """Where the dataset seems to be, when the root is a level too low or too high."""
    if is_category(root):
        return f"this is the folder of one category: give --data-root {root.absolute().parent}"
    if root.name in {"train", "test", "ground_truth"} and is_category(root.absolute().parent):
        return f"this is a part of one category: give --data-root {root.absolute().parent.parent}"
    for entry in islice(_folders(root), _LOOKED_INTO):
        if any(is_file(place / TABLE) or _categories(place) for place in places(root / entry, name)):
            return f"it seems to be one level down: give --data-root {root / entry}"
    return f"give --data-root, the folder that holds the categories of {name}"


def _first(entries: list[str] | tuple[str, ...]) -> str:
    if not entries:
        return "nothing"
    more = f", ... ({len(entries)} in all)" if len(entries) > _SHOWN else ""
    return ", ".join(entries[:_SHOWN]) + more
