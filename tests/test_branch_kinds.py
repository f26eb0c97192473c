"""What a branch is (base, fusion, learned gate, oracle) is stored, not read out of its name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import promptad_db
from promptad_db import open_db, run_folder
from promptad_db.errors import InputError
from promptad_db.fusion.recipes import branch_of, recipes
from promptad_db.records import Branch

SCORES = {"semantic": [0.1, 0.7, 0.4, 0.8], "memory": [0.2, 0.3, 0.6, 0.9]}
KINDS = "SELECT DISTINCT branch, kind, rule, calibration, supervision FROM branches ORDER BY branch"


def logged(branches=(), **options):
    with promptad_db.start_run(dataset="mine", task="cls", k_shot=1, seed=1, method="m", db=False, **options) as run:
        scores = {**SCORES, **dict.fromkeys(branches, SCORES["memory"])}
        run.log_category("bottle", images=list("abcd"), labels=[0, 0, 1, 1], branches=scores)
    return run.folder


def stored():
    return {row[0]: row[1:] for row in open_db().query(KINDS).rows}


def test_a_logged_branch_is_what_it_is_said_to_be_and_not_what_it_is_called_like():
    logged(["gate_mine", "oracle_mine", "bound", "maxed"], branch_kinds={"bound": "oracle", "maxed": "fusion"})
    promptad_db.ingest("runs")
    assert stored() == {
        **dict.fromkeys(("gate_mine", "oracle_mine", "semantic", "memory"), ("base", None, "none", None)),
        "bound": ("oracle", "bound", "none", "test labels"),
        "maxed": ("fusion", "maxed", "none", None),
        **{name: ("fusion", name, "none", None) for name in ("max", "harmonic", "mean") if name in stored()},
    }


def test_fused_branches_say_their_rule_and_calibration():
    folder = logged()
    for rule, calibrate in (("oracle", "rank"), ("weighted:0.3", "minmax"), ("rank-mean", "none")):
        promptad_db.fuse(folder, rule, calibrate=calibrate)
    promptad_db.fuse(folder, lambda semantic, memory: semantic * memory, name="product", calibrate="rank")
    kinds = stored()
    assert kinds["oracle_rank"] == ("oracle", "oracle", "rank", "test labels")
    assert kinds["weighted_0.3_minmax"] == ("fusion", "weighted_0.3", "minmax", None)
    assert kinds["rank_mean"] == ("fusion", "rank_mean", "rank", None)
    assert kinds["product"] == ("fusion", "product", "rank", None)
    assert run_folder.read_run(folder).branches == {"product": Branch("fusion", "product", "rank")}


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("calibrate", ["none", "minmax", "rank", "zscore-normal"])
def test_the_name_of_every_rule_says_what_its_branch_is(calibrate, half):
    rules = ["max", "harmonic", "mean", "weighted:0.3"] + ([] if half else ["oracle", "by-type", "gate", "gate-hard"])
    for recipe, rule in zip(recipes(rules, calibrate, half=half), rules, strict=True):
        found = branch_of(recipe.branch)
        assert (found.rule, found.calibration) == (
            rule.replace(":", "_").replace("-", "_") + "_float16" * half,
            calibrate,
        )
        assert found == recipe.described


@pytest.mark.parametrize("name", ["semantic", "gate_mine", "oracle_of_mine", "weighted_2", "max_of_all", "", "_rank"])
def test_no_other_name_says_anything(name):
    assert branch_of(name) == Branch()


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"branches\.mine\.kind: must be one of base, fusion, gate, oracle"):
        logged(branch_kinds={"mine": "best"})


def test_an_old_database_learns_the_kinds_of_its_branches_as_a_new_one_has_them(cli):
    content = Path(__file__).parent / "stored" / "schema_0001.duckdb.gz"
    Path("promptad.duckdb").write_bytes(gzip.decompress(content.read_bytes()))
    assert cli("migrate").code == 0
    branches = open_db().query("SELECT DISTINCT branch FROM metrics UNION SELECT DISTINCT branch FROM image_scores")
    expected = {}
    for (name,) in branches.rows:
        found = branch_of(name)
        expected[name] = (found.kind, found.rule, found.calibration, found.supervision)
    assert stored() == expected
