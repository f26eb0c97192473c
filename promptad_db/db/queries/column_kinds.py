"""How the columns of reports are printed, by their names; see ResultSet."""

from __future__ import annotations

COLUMN_KINDS = {
    **dict.fromkeys(
        ("semantic_mean", "memory_mean", "max_mean", "reference_mean", "best_fixed_mean", "gate_mean", "mean"), "auroc"
    ),
    **dict.fromkeys(("semantic", "memory", "reference_semantic", "reference_memory", "oracle_upper_bound"), "auroc"),
    **dict.fromkeys(("mean_a", "mean_b", "a", "b"), "auroc"),
    **dict.fromkeys(("mean_gap", "gap", "reference_gap", "gap_left", "delta", "difference"), "gap"),
    **dict.fromkeys(("gain_over_better_branch", "gain_over_memory", "gain_over_max", "given_up"), "gap"),
    **dict.fromkeys(("mean_abs_gap", "median_abs_gap", "abs_gap", "std"), "points"),
    **dict.fromkeys(("semantic_share", "memory_share", "share_closed", "time_saved", "way_covered"), "percent"),
    **dict.fromkeys(("both_ms", "memory_alone_ms", "semantic_alone_ms"), "ms"),
    **dict.fromkeys(("semantic_weaker", "memory_weaker", "ties", "wins", "losses"), "share_of:cells"),
    **dict.fromkeys(("cells_above_memory", "cells_above_max"), "share_of:cells"),
    "abs_gap_ratio": "ratio",
}
