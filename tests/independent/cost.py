"""The section *cost*: what memory alone saves of the measured time, and what it gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from independent.cells import PAIR
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    import pandas as pd

    from independent.logged import Logged

_TIMED = ["encode", "text", "memory"]
_OPTIONAL = ["encode_semantic", "fuse"]


def cost(logged: Logged, numbers: pd.DataFrame, shown: pd.DataFrame) -> list[dict[str, Any]]:
    """A row a task and dataset, over the shown cells whose run has all timings and AUROCs of semantic, memory and max."""
    cells = shown.assign(run_id=shown.run_id_b.where(shown.run_id_b.notna(), shown.run_id_a))
    cells = cells.merge(_seconds(logged), on=["run_id", "category"], how="left")
    aurocs = numbers[numbers.branch.isin([*PAIR, "max"])]
    aurocs = aurocs.pivot_table(index=["run_id", "category"], columns="branch", values="value")
    aurocs = aurocs.reindex(columns=[*PAIR, "max"]).reset_index()
    cells = cells.merge(aurocs, on=["run_id", "category"], how="left", suffixes=("_s", ""))
    timed = cells[["both", "alone", "semantic_alone", *PAIR, "max"]].notna().all(axis=1)
    return [
        {"task": key[0], "dataset": key[1], "left_out": int((~timed[group.index]).sum())}
        | _row(group[timed[group.index]])
        for key, group in cells.groupby(["task", "dataset"])
    ]


def _seconds(logged: Logged) -> pd.DataFrame:
    wide = logged.timings.pivot_table(index=["run_id", "category", "images"], columns="stage", values="seconds")
    wide = wide.reindex(columns=[*_TIMED, *_OPTIONAL]).fillna(dict.fromkeys(_OPTIONAL, 0.0)).reset_index()
    return wide.assign(
        both=wide.encode + wide.text + wide.memory + wide.fuse,
        alone=wide.encode - wide.encode_semantic + wide.memory,
        semantic_alone=wide.encode + wide.text,
    )[["run_id", "category", "images", "both", "alone", "semantic_alone"]]


def _row(timed: pd.DataFrame) -> dict[str, Any]:
    means = ["max_mean", "memory_mean", "semantic_mean"]
    if not len(timed):
        times = ["both_ms", "memory_alone_ms", "semantic_alone_ms", "time_saved"]
        return {"cells": 0, "images": 0, **dict.fromkeys([*times, *means, "given_up"])}
    aurocs = mean_over_cells(timed, ["max", "memory", "semantic"])
    images, both, alone = timed.images.sum(), timed.both.sum(), timed.alone.sum()
    return {
        "cells": len(timed), "images": int(images), "both_ms": 1000 * both / images,
        "memory_alone_ms": 1000 * alone / images, "semantic_alone_ms": 1000 * timed.semantic_alone.sum() / images,
        "time_saved": 1 - alone / both if both else None,
        "given_up": aurocs["max"] - aurocs["memory"],
        **dict(zip(means, (aurocs["max"], aurocs["memory"], aurocs["semantic"]), strict=True)),
    }  # fmt: skip
