"""The sections gate and gate-picks: the learned gate between the best fixed fusion and the oracle."""

from __future__ import annotations

import json

import pytest
from measured_runs import Laboratory, both

GATE = [
    "task", "gate", "cells", "left_out", "best_fixed", "best_fixed_mean", "gate_mean", "oracle_upper_bound",
    "way_covered", "gain_over_max", "cells_above_max", "beats_max", "kind", "supervision", "upper_bound",
]  # fmt: skip
PICKS = [
    "task", "gate", "dataset", "category", "cells", "semantic_share", "memory_share", "mean_gap", "kind", "supervision",
    "upper_bound",
]  # fmt: skip


@pytest.fixture
def lab():
    return Laboratory()


def ask(cli, *arguments):
    assert cli("ingest", "runs").code == 0
    answer = cli("report", *(arguments or ("--section", "gate,gate-picks")), "--format", "json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def fused(gate, oracle=0.9, **more):
    """A cell whose max is 0.8 and harmonic 0.7."""
    return {"semantic": 0.5, "memory": 0.6, "max": 0.8, "harmonic": 0.7, "gate": gate, "oracle": oracle, **more}


def test_a_gate_covers_a_share_of_the_way_to_the_oracle(cli, lab):
    lab.run({"tile": fused(0.85), "wood": fused(0.79)})
    (row,) = ask(cli)["gate"]
    assert list(row) == GATE
    assert (row["task"], row["gate"], row["cells"], row["left_out"]) == ("seg", "gate", 2, 0)
    assert (row["best_fixed"], row["best_fixed_mean"], row["oracle_upper_bound"]) == ("max", 0.8, 0.9)
    assert row["gate_mean"] == pytest.approx(0.82)
    assert row["way_covered"] == pytest.approx(0.2)
    assert row["gain_over_max"] == pytest.approx(0.02)
    assert (row["cells_above_max"], row["beats_max"]) == (1, True)


def test_a_gate_below_max_says_so_and_covers_less_than_nothing(cli, lab):
    lab.run({"tile": fused(0.75)})
    (row,) = ask(cli)["gate"]
    assert row["way_covered"] == pytest.approx(-0.5)
    assert row["beats_max"] is False
    printed = cli("report", "--section", "gate").out.splitlines()
    assert "oracle upper bound" in printed[1]
    assert printed[1].endswith("beats max")
    assert printed[3].startswith("seg   gate‡ ")
    assert printed[3].endswith("no")
    assert printed[4] == "‡ supervised: it uses test labels of other categories"


def test_a_gate_that_equals_max_does_not_beat_it(cli, lab):
    lab.run({"tile": fused(0.8)})
    (row,) = ask(cli)["gate"]
    assert (row["beats_max"], row["way_covered"], row["cells_above_max"]) == (False, 0, 0)


def test_the_best_fixed_fusion_is_the_one_with_the_highest_mean_that_all_cells_have(cli, lab):
    lab.run({"tile": fused(0.85, mean=0.83), "wood": fused(0.85, harmonic=0.95)})
    (row,) = ask(cli)["gate"]
    assert (row["best_fixed"], row["best_fixed_mean"]) == ("harmonic", pytest.approx(0.825))
    lab.run({"tile": fused(0.85, mean=0.95), "wood": fused(0.85, mean=0.95)})
    assert ask(cli)["gate"][0]["best_fixed"] == "mean"


def test_without_an_oracle_above_it_there_is_no_way_to_cover(cli, lab):
    lab.run({"tile": fused(0.85, oracle=0.8)})
    row = ask(cli)["gate"][0]
    assert (row["oracle_upper_bound"], row["way_covered"], row["beats_max"]) == (0.8, None, True)
    cell = fused(0.85)
    del cell["oracle"]
    lab.run({"wood": cell})
    row = ask(cli)["gate"][0]
    assert (row["cells"], row["oracle_upper_bound"], row["way_covered"]) == (2, None, None)


def test_cells_without_a_gate_or_max_auroc_are_left_out_and_counted(cli, lab):
    lab.run({"tile": fused(0.85), "wood": fused(None), "grid": fused(0.1, max=None), "cable": both(0.5, 0.6)})
    (row,) = ask(cli)["gate"]
    assert (row["cells"], row["left_out"], row["gate_mean"]) == (1, 2, 0.85)
    lab.run({"tile": fused(None)}, task="cls")
    row = ask(cli)["gate"][0]
    assert (row["task"], row["cells"], row["left_out"], row["best_fixed"]) == ("cls", 0, 1, None)


def test_every_gate_has_rows_of_its_own(cli, lab):
    lab.run({"tile": fused(0.85, gate_hard=0.81, gate_rank=0.82)}, shares={"gate": 0.3, "gate_hard": 0.25})
    found = ask(cli)
    assert [(row["gate"], row["gate_mean"]) for row in found["gate"]] == [
        ("gate", 0.85),
        ("gate_hard", 0.81),
        ("gate_rank", 0.82),
    ]
    assert [(row["gate"], row["semantic_share"]) for row in found["gate-picks"]] == [("gate", 0.3), ("gate_hard", 0.25)]


def test_picks_are_told_by_category_beside_the_gap(cli, lab):
    for seed, share in ((1, 0.2), (2, 0.4)):
        lab.run({"tile": fused(0.85)}, seed=seed, shares={"gate": share})
    lab.run({"tile": fused(0.85, memory=0.9)}, k_shot=2, seed=1, shares={"gate": 0.7})
    lab.run({"pcb1": fused(0.85)}, dataset="visa", shares={"gate": 0.0})
    first, second = ask(cli)["gate-picks"]
    assert list(first) == PICKS
    assert (first["dataset"], first["category"], first["cells"]) == ("mvtec", "tile", 3)
    assert first["semantic_share"] == pytest.approx((0.3 + 0.7) / 2)
    assert first["memory_share"] == pytest.approx(0.5)
    assert first["mean_gap"] == pytest.approx((0.1 + 0.4) / 2)
    assert (second["category"], second["semantic_share"], second["memory_share"]) == ("pcb1", 0, 1)


def test_seeds_are_averaged_within_a_category_first(cli, lab):
    lab.run({"tile": fused(0.9), "wood": fused(0.8)}, seed=1)
    lab.run({"tile": fused(0.7)}, seed=2)
    (row,) = ask(cli)["gate"]
    assert (row["cells"], row["gate_mean"]) == (3, pytest.approx(0.8))


def test_the_gate_of_baseline_counts_and_else_that_of_the_variant_that_has_one(cli, lab):
    lab.run({"tile": fused(0.85), "wood": both(0.5, 0.6)}, shares={"gate": 0.25})
    lab.run({"tile": fused(0.1), "wood": fused(0.75)}, variant="v", shares={"gate": 0.75})
    found = ask(cli)
    assert found["gate"][0]["gate_mean"] == pytest.approx(0.8)
    assert [row["semantic_share"] for row in found["gate-picks"]] == [0.25, 0.75]


def test_filters_narrow_the_picks(cli, lab):
    lab.run({"tile": fused(0.85), "wood": fused(0.85)}, shares={"gate": 0.25})
    found = ask(cli, "--section", "gate,gate-picks", "--category", "wood", "--branches", "memory,max")
    assert [row["category"] for row in found["gate-picks"]] == ["wood"]
    assert list(found["gate-picks"][0]) == PICKS


def test_a_default_report_shows_the_gate_only_where_one_was_scored(cli, lab):
    lab.run({"tile": both(0.5, 0.6)})
    assert not {"gate", "gate-picks"} & ask(cli, "--min-gap", "0").keys()
    assert ask(cli) == {"gate": [], "gate-picks": []}
    lab.run({"tile": fused(0.85)})
    found = ask(cli, "--min-gap", "0")
    assert "gate" in found
    assert "gate-picks" not in found
    lab.run({"tile": fused(0.85)}, shares={"gate": 0.25})
    assert "gate-picks" in ask(cli, "--min-gap", "0")


def test_calibrated_oracles_are_upper_bounds_too(cli, lab):
    lab.run({"tile": fused(0.85, oracle_rank=0.95, oracles=0.7)})
    cli("ingest", "runs")
    printed = cli("report", "--section", "fusion,paper").out
    assert printed.count("oracle†") == 2
    assert printed.count("oracle_rank†") == 2
    assert "oracles†" not in printed
