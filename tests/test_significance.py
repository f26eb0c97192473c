"""Significance within cells and over categories, --ci, and the placements that they come from."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from measured_runs import Laboratory
from scipy import stats

from promptad_db import ingest, open_db, run_folder, start_run
from promptad_db.db import index_folders
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters
from promptad_db.db.queries.significance import critical_difference
from promptad_db.errors import InputError
from promptad_db.metrics import placements
from promptad_db.metrics.intervals import paired_difference, spread
from promptad_db.stats.student import signed_ranks
from promptad_db.stats.uncertainty import auroc_interval, difference_interval, uncertainty

IMAGES = [f"crack/{index:03d}.png" for index in range(30)]
LABELS = np.arange(30) >= 15


def scores_of(seed, gain, noise=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, noise, 30) + gain * LABELS


def log_cls(categories, **fields):
    """A run over image scores: {category: {branch: scores}}."""
    given = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 1, "method": "m", "fusions": (), **fields}
    with start_run(**given) as run:
        for category, branches in categories.items():
            run.log_category(category, images=IMAGES, branches=branches, labels=LABELS)
    return run.folder


def rows_of(cli, *command):
    answer = cli(*command, "--format", "json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_placements_are_stored_read_back_and_indexed(log_run):
    folder = log_run("tile")
    result = run_folder.read_category(folder, "tile")
    assert set(result.placements) == {
        (level, branch) for level in ("image", "pixel") for branch in ("semantic", "memory", "max", "harmonic")
    }
    of_pixels = result.placements["pixel", "semantic"]
    metric = next(m for m in result.metrics if (m.level, m.branch, m.metric) == ("pixel", "semantic", "auroc"))
    assert metric.ci_low < metric.value < metric.ci_high
    assert math.isclose(of_pixels.pos_sum.sum() / of_pixels.n_pos.sum(), metric.value, rel_tol=1e-12)
    query = "SELECT SUM(pos_sum) / SUM(n_pos), SUM(neg_sum) / SUM(n_neg), COUNT(*) FROM placements WHERE level = 'pixel' AND branch = 'semantic'"
    found = open_db().query(query).rows[0]
    assert found == pytest.approx((metric.value, metric.value, 6))
    assert open_db().query("SELECT COUNT(ci_low) FROM metrics WHERE metric <> 'auroc'").rows == [(0,)]


def tampered(folder, change):
    path = run_folder.category_folder(folder, "tile") / "placements.parquet"
    (path.parent / "manifest.json").unlink()  # whoever tampers would write it anew
    columns = pq.read_table(path).to_pydict()
    change(columns)
    pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows["pos_sum"].__setitem__(3, math.nan), "NaN"),
        (lambda rows: rows["neg_sum"].__setitem__(0, -1.0), "no scores can have"),
        (lambda rows: rows["n_pos"].__setitem__(0, -5), "no scores can have"),
        (lambda rows: rows["pos_sum"].__setitem__(5, rows["pos_sum"][5] * 0.9), "of another AUROC"),
        (lambda rows: rows["image"].__setitem__(2, "other.png"), "other images"),
        (lambda rows: rows["branch"].__setitem__(slice(0, 6), ["ghost"] * 6), "no exact AUROC"),
        (lambda rows: rows["level"].__setitem__(slice(0, 6), ["voxel"] * 6), "no exact AUROC"),
        (lambda rows: [values.pop() for values in rows.values()], "a row for each image"),
        (lambda rows: [values.clear() for values in rows.values()], "placements.parquet"),
        (lambda rows: rows.pop("neg_sum"), "lacks the columns neg_sum"),
    ],
)
def test_placements_that_cannot_be_trusted_are_refused_by_name(log_run, change, reason):
    folder = log_run("tile")
    tampered(folder, change)
    with pytest.raises(InputError, match=r"placements\.parquet") as error:
        run_folder.read_category(folder, "tile")
    assert reason in str(error.value)


def test_a_folder_of_an_older_version_still_indexes_and_has_no_intervals(cli, log_run):
    folder = log_run("tile", "wood")
    for category in ("tile", "wood"):
        for name in ("placements.parquet", "manifest.json"):
            (run_folder.category_folder(folder, category) / name).unlink()
    Path("promptad.duckdb").unlink()
    assert not index_folders([folder]).rejected
    assert "significance" not in rows_of(cli, "report")
    row = rows_of(cli, "report", "--section", "summary", "--ci")["summary"][0]
    assert row["semantic_mean_ci_low"] is None
    assert row["semantic_mean"] > 0


def test_files_ingested_by_an_older_version_are_known_and_replace_adds_their_intervals(cli, shared_gate):
    ingest(shared_gate, runs="runs", db="one.duckdb")
    folder = next(path.parent for path in Path("runs").glob("*/grid/placements.parquet"))
    for name in ("placements.parquet", "manifest.json"):
        (folder / name).unlink()
    metrics = json.loads((folder / "metrics.json").read_text())
    for metric in metrics:
        metric.pop("ci_low", None)
        metric.pop("ci_high", None)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    again = ingest(shared_gate, runs="runs", db="two.duckdb")
    assert not again.rejected
    assert not (folder / "placements.parquet").exists()
    assert not ingest(shared_gate, runs="runs", db="two.duckdb", replace=True).rejected
    assert (folder / "placements.parquet").exists()


def test_cells_are_tested_by_delong_and_adjusted_by_holm(cli):
    cells = {f"c{index}": {"semantic": scores_of(index, gain), "memory": scores_of(100 + index, 1.5)}
             for index, gain in enumerate((0.0, 0.2, 1.5, 2.7, 0.6, 1.2))}  # fmt: skip
    log_cls(cells)
    row = rows_of(cli, "report", "--section", "significance")["significance"][0]
    p_values, signs = [], []
    for branches in cells.values():
        difference, found = paired_difference(*(placements(branches[name], LABELS) for name in ("semantic", "memory")))
        p_values.append(found.p_value(difference))
        signs.append(difference > 0)
    order, still, significant = np.argsort(p_values), True, []
    for rank, index in enumerate(order):
        still = still and p_values[index] < 0.05 / (6 - rank)
        significant += [index] if still else []
    assert (row["branch"], row["against"], row["cells"], row["tested"]) == ("memory", "semantic", 6, 6)
    assert row["wins"] == sum(signs[index] for index in significant)
    assert row["losses"] == sum(not signs[index] for index in significant)
    assert row["wins"] + row["losses"] > 0
    assert row["ties"] == 6 - len(significant)
    differences = [row["gap"] for row in rows_of(cli, "report", "--section", "categories")["categories"]]
    assert row["p_value"] == pytest.approx(stats.wilcoxon(differences).pvalue)
    assert row["median_difference"] == pytest.approx(np.median(differences))


def test_cells_that_cannot_be_tested_are_counted_with_the_reason(cli, make_run):
    perfect = np.where(LABELS, 9.0, 0.0) + scores_of(1, 0)
    log_cls(
        {
            "perfect": {"semantic": scores_of(2, 1), "memory": perfect},
            "<script>": {"semantic": scores_of(3, 1), "memory": 2 * scores_of(3, 1)},
        },
        experiment="e",
    )
    folder = make_run({"told": {"semantic": 0.8, "memory": 0.9}}, task="cls", seed=1, method="m")
    index_folders([folder])
    row = rows_of(cli, "report", "--experiment", "e", "--section", "significance")["significance"][0]
    assert (row["cells"], row["tested"], row["wins"], row["losses"]) == (3, 0, 0, 0)
    assert row["untested_because"] == (
        "1 ranked alike or with one image of a class, 1 with an AUROC of exactly 0 or 1, 1 without scores"
    )
    categories = rows_of(cli, "report", "--experiment", "e", "--section", "categories", "--ci")["categories"]
    gaps = {row["category"]: (row["gap_ci_low"], row["memory_ci_low"]) for row in categories}
    assert gaps["perfect"] == gaps["told"] == (None, None)
    assert gaps["<script>"][1] is not None


def test_reported_numbers_are_compared_over_categories(cli, gate_place):
    rows = rows_of(cli, "report", "--db", gate_place / "promptad.duckdb", "--section", "significance", "--task", "seg")
    row = next(row for row in rows["significance"] if (row["branch"], row["against"]) == ("max", "memory"))
    assert (row["cells"], row["tested"], row["untested_because"]) == (81, 0, "81 without scores")
    assert row["categories"] == 27
    assert row["p_value"] < 0.001
    assert 0.7 < row["effect_size"] < 0.9
    assert "significance" not in rows_of(cli, "report", "--db", gate_place / "promptad.duckdb", "--task", "seg")


def test_the_interval_of_a_mean_knows_that_k_and_seeds_share_their_images(cli):
    branches = {}
    for k_shot in (1, 2):
        for seed in (1, 2):
            shared = scores_of(0, 1.2)
            one = {
                name: shared + scores_of(10 * k_shot + seed + place, 0, 0.3)
                for place, name in enumerate(("semantic", "memory"))
            }
            log_cls(
                {"tile": one, "wood": {name: values[::-1].copy() * -1 for name, values in one.items()}},
                k_shot=k_shot,
                seed=seed,
            )
            branches[k_shot, seed] = one
    row = rows_of(cli, "report", "--section", "summary", "--ci")["summary"][0]
    means, spreads = [], []
    for category in ("tile", "wood"):
        terms = []
        for one in branches.values():
            values = one["memory"] if category == "tile" else -one["memory"][::-1]
            terms.append((1 / 8, placements(values, LABELS)))
        means += [weight * term.pos_sum.sum() / 15 for weight, term in terms]
        spreads.append(spread(*terms))
    assert row["memory_mean"] == pytest.approx(sum(means))
    found = uncertainty(spreads, clustered=False, difference=False)
    wanted = auroc_interval(sum(means), found)
    assert (row["memory_mean_ci_low"], row["memory_mean_ci_high"]) == pytest.approx(wanted)
    alone = sum(uncertainty([spread(term)], clustered=False, difference=False).variance for term in terms)
    assert found.variance > 1.5 * alone


def test_a_mean_has_no_interval_where_one_of_its_cells_has_no_placements(cli):
    one, other = scores_of(1, 1.0), scores_of(2, 1.6)
    folder = log_cls({"tile": {"semantic": one, "memory": other}, "wood": {"semantic": other, "memory": one}})
    assert rows_of(cli, "report", "--section", "summary", "--ci")["summary"][0]["memory_mean_ci_low"] is not None
    for name in ("placements.parquet", "manifest.json"):
        (run_folder.category_folder(folder, "wood") / name).unlink()
    Path("promptad.duckdb").unlink()
    assert not index_folders([folder]).rejected
    row = rows_of(cli, "report", "--section", "summary", "--ci")["summary"][0]
    assert (row["cells"], row["memory_mean_ci_low"], row["mean_gap_ci_low"]) == (2, None, None)


def test_the_gap_of_a_cell_has_the_interval_and_compare_the_p_value_of_the_paired_test(cli):
    one, other = scores_of(1, 1.0), scores_of(2, 1.6)
    log_cls({"tile": {"semantic": one, "memory": other}})
    difference, found = paired_difference(placements(one, LABELS), placements(other, LABELS))
    row = rows_of(cli, "report", "--section", "worst", "--ci")["worst"][0]
    assert (row["gap_ci_low"], row["gap_ci_high"]) == pytest.approx(difference_interval(difference, found))
    totals = rows_of(cli, "compare", "semantic", "memory")["totals"][0]
    assert totals["p_value"] == pytest.approx(found.p_value(difference))
    assert "delta_ci_low" not in totals
    totals = rows_of(cli, "compare", "semantic", "memory", "--ci")["totals"][0]
    assert (totals["delta_ci_low"], totals["delta_ci_high"]) == pytest.approx(difference_interval(difference, found))


def test_two_runs_of_the_same_images_are_paired(cli):
    one, other = scores_of(1, 1.0), scores_of(1, 1.0) + scores_of(9, 0.3, 0.2)
    folders = [log_cls({"tile": {"memory": scores}}, method=method) for scores, method in ((one, "a"), (other, "b"))]
    difference, found = paired_difference(placements(one, LABELS), placements(other, LABELS))
    for pair in (("a", "b"), tuple(folder.name for folder in folders)):
        row = rows_of(cli, "compare", *pair)["totals"][0]
        assert row["p_value"] == pytest.approx(found.p_value(difference))


def test_every_format_shows_intervals_behind_their_numbers(cli, log_run):
    log_run("tile", "wood", seed=1)
    log_run("tile", "wood", seed=1, variant="memory_only")
    for name in ("summary", "datasets", "k-shot", "worst", "categories", "fusion", "paper", "variants"):
        plain = rows_of(cli, "report", "--section", name)[name]
        more = rows_of(cli, "report", "--section", name, "--ci")[name]
        added = [column for column in more[0] if column not in plain[0]]
        assert added
        assert all(column.endswith(("_ci_low", "_ci_high")) for column in added)
        assert [{column: row[column] for column in plain[0]} for row in more] == plain
        assert any(row[column] is not None for row in more for column in added), name
        for form in ("table", "md", "latex"):
            assert "ci low" not in cli("report", "--section", name, "--ci", "--format", form).out
    row = rows_of(cli, "report", "--section", "summary", "--ci")["summary"][0]
    texts = [f"{100 * row[f'memory_mean{end}']:.2f}" for end in ("", "_ci_low", "_ci_high")]
    assert "{} [{}, {}]".format(*texts) in cli("report", "--section", "summary", "--ci").out
    assert "sampling of test images" in cli("report", "--section", "summary", "--ci").err


def test_pixel_level_cells_are_tested_with_their_images_as_clusters(cli, log_run):
    folder = log_run("tile", seed=3)
    result = run_folder.read_category(folder, "tile")
    pair = [result.placements["pixel", name] for name in ("semantic", "memory")]
    difference, found = paired_difference(*pair)
    assert math.isfinite(found.freedom)
    assert rows_of(cli, "compare", "semantic", "memory")["totals"][0]["p_value"] == pytest.approx(
        found.p_value(difference)
    )


def test_fusing_adds_placements_and_replacing_replaces_them(cli, log_run):
    folder = log_run("tile")
    assert cli("fuse", folder, "--rule", "mean").code == 0
    result = run_folder.read_category(folder, "tile")
    assert ("pixel", "mean") in result.placements
    before = list(result.placements)
    assert cli("fuse", folder, "--rule", "mean", "--replace").code == 0
    assert set(run_folder.read_category(folder, "tile").placements) == set(before)


def test_other_branches_take_the_places_of_semantic_and_memory(cli, log_run):
    log_run("tile", "wood")
    made = rows_of(cli, "report", "--branches", "max,harmonic", "--section", "significance,summary", "--ci")
    assert (made["significance"][0]["branch"], made["significance"][0]["against"]) == ("harmonic", "max")
    assert made["summary"][0]["max_mean_ci_low"] < made["summary"][0]["max_mean"]


def test_critical_differences_are_demsars(gate_place):
    # Demsar (2006), table 5a: the critical values of Nemenyi's test at 0.05 for 4 contenders.
    result = critical_difference(gate_place / "promptad.duckdb", Filters(tasks=("seg",)))
    rows = result.records()
    assert {row["contender"] for row in rows} == {"semantic", "memory", "max", "harmonic"}
    assert all(row["categories"] == 27 for row in rows)
    assert rows[0]["critical_difference"] == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 27)), abs=1e-3)
    assert sum(row["mean_rank"] for row in rows) == pytest.approx(10)
    assert rows[0]["contender"] == "max"
    for row in rows:
        near = {
            other["contender"]
            for other in rows
            if abs(other["mean_rank"] - row["mean_rank"]) < row["critical_difference"]
        }
        named = set(filter(None, (row["not_distinguishable"] or "").split(", ")))
        assert named == near - {row["contender"]}


def test_variants_contend_too_and_one_category_ranks_nothing(log_run):
    for variant in ("baseline", "<script>alert(1)</script>"):
        log_run("tile", "wood", "grid", variant=variant)
    rows = critical_difference(Path("promptad.duckdb"), Filters()).records()
    assert "<script>alert(1)</script>: memory" in {row["contender"] for row in rows}
    assert len(rows) == 8
    assert critical_difference(Path("promptad.duckdb"), Filters(categories=("tile",))).rows == []


def ranked(**filters):
    ingest("runs", db="promptad.duckdb")
    return critical_difference(Path("promptad.duckdb"), Filters(**filters)).records()


CATEGORIES = ("bottle", "cable", "grid", "tile", "wood")


def in_categories(**aurocs):
    """Each branch with an AUROC of its own in every category, in the same steps."""
    return {
        category: {branch: value - step / 50 for branch, value in aurocs.items()}
        for step, category in enumerate(CATEGORIES)
    }


def test_equal_averages_tie_whatever_their_last_digits_are(cli):
    lab = Laboratory()
    assert (0.7 + 0.8 + 0.9) / 3 != 0.8
    for step, seed in enumerate((1, 2, 3)):
        values = {"semantic": 0.7 + step / 10, "memory": 0.8, "max": 0.9 - step / 10, "mean": 0.5}
        lab.run(dict.fromkeys(CATEGORIES, values), seed=seed)
    rows = ranked()
    assert {row["contender"]: row["mean_rank"] for row in rows} == {"semantic": 2, "memory": 2, "max": 2, "mean": 4}
    aurocs = [[0.8] * 5, [0.8] * 5, [0.8] * 5, [0.5] * 5]
    assert {row["p_value"] for row in rows} == {float(stats.friedmanchisquare(*aurocs).pvalue)}


def test_contenders_that_all_tie_have_no_p_value_and_a_page(cli):
    Laboratory().run(in_categories(semantic=0.8, memory=0.8, max=0.8))
    assert {(row["mean_rank"], row["p_value"]) for row in ranked()} == {(2.0, None)}
    answer = cli("report", "--format", "html")
    assert answer.code == 0, answer.err
    assert 'id="critical-difference"' in answer.out


def test_contenders_have_the_same_cells_and_not_only_as_many(cli):
    lab = Laboratory()
    lab.run(in_categories(semantic=0.7, memory=0.8, max=0.9), seed=1)
    lab.run(in_categories(semantic=0.7, memory=0.8, harmonic=0.95), seed=2)
    rows = ranked()
    assert {row["contender"] for row in rows} == {"semantic", "memory"}
    lab.run(in_categories(max=0.9), seed=2)
    assert {row["contender"] for row in ranked()} == {"semantic", "memory", "max"}


def test_a_contender_whose_latest_number_is_undefined_lacks_that_cell(cli):
    lab = Laboratory()
    lab.run(in_categories(semantic=0.7, memory=0.8, max=0.9))
    lab.run({"tile": {"max": None}})
    assert {row["contender"] for row in ranked()} == {"semantic", "memory"}


def test_contenders_are_ranked_within_one_method(cli):
    lab = Laboratory()
    lab.run(in_categories(semantic=0.7, memory=0.8), method="one")
    lab.run(in_categories(semantic=0.9, memory=0.6), method="other")
    best = {row["method"]: row["contender"] for row in ranked() if row["mean_rank"] == 1}
    assert best == {"one": "memory", "other": "semantic"}
    assert cli("plot", "critical-difference", "-o", "ranks.svg").code == 0
    picture = Path("ranks.svg").read_text("utf-8")
    assert "SEG (pixels), one, 5 categories" in picture
    assert "SEG (pixels), other, 5 categories" in picture


def test_upper_bounds_do_not_contend_and_gates_say_what_they_use(cli):
    Laboratory().run(
        in_categories(semantic=0.7, memory=0.8, gate=0.9, oracle_rank=0.95, reported_oracle=0.94, oracle_mine=0.6)
    )
    rows = {row["contender"]: row for row in ranked()}
    assert set(rows) == {"semantic", "memory", "gate", "oracle_mine"}
    assert (rows["gate"]["kind"], rows["gate"]["supervision"]) == ("gate", "test labels of other categories")
    assert (rows["oracle_mine"]["supervision"], rows["oracle_mine"]["upper_bound"]) == (None, False)
    tested = rows_of(cli, "report", "--section", "significance")["significance"]
    bounds = {row["branch"]: (row["supervision"], row["upper_bound"]) for row in tested}
    assert bounds["oracle_rank"] == bounds["reported_oracle"] == ("test labels", True)
    assert bounds["gate"] == ("test labels of other categories", False)
    assert bounds["memory"] == bounds["oracle_mine"] == (None, False)
    assert "oracle_rank†" in cli("report", "--section", "significance").out


def test_small_p_values_keep_their_digits(cli):
    categories = {f"c{index:02}": {"semantic": 0.5, "memory": 0.6 + index / 1000} for index in range(50)}
    Laboratory().run(categories)
    ingest("runs", db="promptad.duckdb")
    row = rows_of(cli, "report", "--section", "significance")["significance"][0]
    assert row["p_value"] == 2 / 2**50
    good, bad = scores_of(1, 2.5), scores_of(2, -2.5)
    log_cls({"tile": {"good": good, "bad": bad}}, experiment="tiny")
    p_value = rows_of(cli, "compare", "bad", "good", "--experiment", "tiny")["totals"][0]["p_value"]
    difference, uncertain = paired_difference(placements(bad, LABELS), placements(good, LABELS))
    assert p_value == pytest.approx(uncertain.p_value(difference), rel=1e-9)
    assert 0 < p_value < 1e-12


@pytest.mark.parametrize("count", [5, 30, 50, 51, 80])
def test_wilcoxons_p_is_exact_or_scipys(count):
    differences = list(np.random.default_rng(count).normal(0.3, 1, count))
    assert signed_ranks(differences)[1] == pytest.approx(stats.wilcoxon(differences).pvalue, rel=1e-12)


def test_rebuilding_keeps_placements_and_reports_stay_the_same(cli, log_run):
    log_run("tile", "wood")
    before = cli("report", "--ci").out
    assert "significance" in before
    assert cli("rebuild").code == 0
    assert cli("report", "--ci").out == before


def test_ci_of_an_audit_is_of_the_true_numbers(cli, log_run):
    log_run("tile", "wood")
    cells = rows_of(cli, "audit", "--ci")["cells_detail"]
    assert all(row["memory_ci_low"] < row["memory"] < row["memory_ci_high"] for row in cells)
    assert "memory_ci_low" not in rows_of(cli, "audit")["cells_detail"][0]


def test_estimates_are_never_tested(gate_place):
    made = report(gate_place / "promptad.duckdb", Filters(provenance="approx"))
    assert "significance" not in [section.name for section in made.sections]
