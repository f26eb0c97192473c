"""Small inputs in the shape of what people have on disk, each with the number that is right, or one line that says why not."""

from pathlib import Path

import pytest

from promptad_db import open_db

CASES = Path(__file__).parents[2] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")

AUROCS = """
    SELECT runs.model_name, branch_auroc.method, category, branch_auroc.task, branch, ROUND(auroc, 5)
    FROM branch_auroc JOIN runs USING (run_id) WHERE branch NOT IN ('max', 'harmonic')
"""


def aurocs(sql=AUROCS):
    return set(open_db().query(sql).rows)


@pytest.mark.parametrize("more", [(), ("--replace",)])
def test_a_grid_of_backbones_is_kept_apart(cli, more):
    for options in ((), more):
        assert cli("ingest", CASES / "anomalib-backbone-grid" / "runs", "--k-shot", 8, *options).code == 0
    values = {
        ("resnet18", "bottle"): (0.991, 0.981), ("resnet18", "cable"): (0.881, 0.941),
        ("wide_resnet50_2", "bottle"): (0.996, 0.985), ("wide_resnet50_2", "cable"): (0.912, 0.955),
    }  # fmt: skip
    assert aurocs() == {
        (model, "Padim", category, task, "memory", value)
        for (model, category), pair in values.items()
        for task, value in zip(("cls", "seg"), pair, strict=True)
    }


def test_fractions_where_percents_belong_are_refused(cli):
    answer = cli("ingest", CASES / "promptad-csv-fractions" / "mvtec")
    assert answer.code == 4
    [line] = [line for line in answer.err.splitlines() if line.startswith("rejected")]
    assert "Seed_111-results.csv: the numbers of i_roc, p_roc look like fractions" in line


def test_the_label_column_counts(cli):
    folder = CASES / "anomalydino-label-column" / "label"
    assert cli("ingest", folder, "--dataset", "mine", "--k-shot", 8, "--seed", 0).code == 0
    assert aurocs() == {(None, "AnomalyDINO", "screw", "cls", "memory", 0.96667)}


def test_the_files_of_winclip_are_of_winclip(cli):
    answer = cli("ingest", CASES / "winclip-csv" / "e", "--k-shot", 0, "--method", "WinCLIP")
    assert answer.code == 0
    assert ("WinCLIP", "unknown") in open_db().query("SELECT method, selection FROM runs").rows
    assert {value for *_, value in aurocs()} == {0.95, 0.9301, 0.8825, 0.871}


def test_rows_without_a_dataset_are_read(cli):
    path = CASES / "winclip-csv" / "d" / "mvtec" / "k_1" / "csv" / "Seed_111-results.csv"
    assert cli("ingest", path, "--dataset", "mvtec", "--k-shot", 1).code == 0
    found = open_db().query("SELECT category, task, ROUND(auroc, 6) FROM branch_auroc WHERE category = 'carpet'").rows
    assert set(found) == {("carpet", "cls", 1.0), ("carpet", "seg", 0.9901)}


def test_one_bad_number_takes_no_other_along(cli):
    answer = cli("ingest", CASES / "anomalyclip-nan-image-column" / "log.txt", "--dataset", "x")
    assert answer.code == 4
    assert "image_auroc of ISIC is 'nan'" in answer.err
    assert {(category, task, value) for _, _, category, task, _, value in aurocs()} == {
        ("ISIC", "seg", 0.888), ("carpet", "seg", 0.988), ("carpet", "cls", 1.0)
    }  # fmt: skip


def test_one_class_is_kept_with_the_reason(cli):
    assert cli("ingest", CASES / "one-class-long-table" / "oneclass2").code == 0
    found = (
        open_db().query("SELECT value, note FROM metrics WHERE category = 'screws_all_bad' AND branch = 'memory'").rows
    )
    assert found
    assert all(value is None and "undefined" in note for value, note in found)


def test_one_file_a_branch_is_one_run(cli):
    assert cli("ingest", CASES / "branch-per-file" / "split").code == 0
    found = open_db().query("SELECT category, ROUND(gap * 100, 2) FROM branch_gap").rows
    assert set(found) == {("bottle", 34.29), ("grid", 30.71)}


def test_inverted_scores_are_said(cli):
    answer = cli("ingest", CASES / "inverted" / "neg")
    assert answer.code == 0
    assert "scores may be inverted" in answer.err
