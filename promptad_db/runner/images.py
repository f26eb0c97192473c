"""The images of a run: which are its shots, and which test images it must not be tested on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.datasets.overlap import support_in_test
from promptad_db.datasets.shots import draw_shots, read_shots_file
from promptad_db.errors import InputError
from promptad_db.records import Setting
from promptad_db.runner.source import source_shots_in_test

if TYPE_CHECKING:
    from promptad_db.datasets import Category, LabelledImage
    from promptad_db.runner.request import Request

Refused = dict[tuple[str, Setting], str]  # category and run, and why


@dataclass
class Images:
    """The images of a run, by category: its ``shots``, none where saved prompts are evaluated, and the names of the test
    images that are ``left_out`` as support images; notes on them.
    """

    shots: dict[str, tuple[LabelledImage, ...]] = field(default_factory=dict)
    left_out: dict[str, frozenset[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def images_of(request: Request, categories: list[Category], setting: Setting, refused: Refused | None = None) -> Images:
    """The images of a run; a category without shots is an InputError, or with ``refused`` left out and put there."""
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
