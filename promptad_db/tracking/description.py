"""What a caller says of a run, as the record that its run.json holds, or an error that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db import run_folder
from promptad_db.errors import UsageError
from promptad_db.fusion import RULES
from promptad_db.records import IMAGE_SCORES, PROTOCOLS, SELECTIONS, TASKS, Label, Render
from promptad_db.run_folder.run_json import run_of
from promptad_db.schema import conform
from promptad_db.tracking.environment import describe_environment

if TYPE_CHECKING:
    from promptad_db.records import RunInfo

PUBLIC_SIGMA = 4.0

_WORDS: dict[str, tuple[str, ...]] = {
    "task": TASKS, "selection": SELECTIONS, "protocol": PROTOCOLS, "image_score": IMAGE_SCORES,
}  # fmt: skip


def describe_run(*, render: Any, branch_kinds: Any, **fields: Any) -> RunInfo:
    """The run of the arguments of start_run, with a new id; numbers may be of numpy, mappings None.

    Raises UsageError for a word of a closed set that does not exist, InputError for what run.json cannot hold.
    """
    for name, words in _WORDS.items():
        if fields[name] not in words:
            raise UsageError(f"{name} is {fields[name]!r}", f"use one of {', '.join(words)}")
    content = {name: _plain(value) for name, value in fields.items()}
    content |= {name: _object(content[name]) for name in ("model", "config", "environment", "source")}
    content |= {"render": _render_of(render), "branches": _branches_of(branch_kinds)}
    info = run_of({"run_id": "new", "created_at": run_folder.now(), **content}, "start_run")
    names = {name: getattr(info, name) for name in ("dataset", "k_shot", "seed", "task")}
    run_id = run_folder.new_run_id(info.created_at, **names)
    return replace(info, run_id=run_id, environment={**describe_environment(), **info.environment})


def known_rules(fusions: Any) -> tuple[str, ...]:
    """The names of fusion rules that a caller gives; UsageError for one that does not exist."""
    rules: tuple[str, ...] = conform(fusions, tuple[Label, ...], "start_run", "fusions")
    for rule in rules:
        if rule not in RULES:
            raise UsageError(f"fusions has {rule!r}", f"use some of {', '.join(RULES)}")
    return rules


def _render_of(render: Any) -> Any:
    """The fields of a Render, or of (height, width), as run.json holds them; the schema judges anything else."""
    if isinstance(render, tuple | list) and len(render) == 2:  # noqa: PLR2004 - height and width
        render = Render(height=render[0], width=render[1], gaussian_sigma=PUBLIC_SIGMA)
    return {name: _plain(value) for name, value in vars(render).items()} if isinstance(render, Render) else render


def _branches_of(kinds: Any) -> Any:
    if not isinstance(kinds, Mapping):
        return _object(kinds)
    return {name: {"kind": kind, "rule": None if kind == "base" else name} for name, kind in kinds.items()}


def _object(values: Any) -> Any:
    """A mapping as JSON has it, nothing as an empty one; the schema judges anything else."""
    if values is None:
        return {}
    return dict(values) if isinstance(values, Mapping) else values


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
