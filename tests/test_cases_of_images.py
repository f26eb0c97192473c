"""The cases of masks, maps and images beside the project: each gives the right value, or one line with the mend."""

from pathlib import Path

import pytest

from promptad_db import open_db

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"the cases are not beside the project ({CASES})")
pytest.importorskip("tifffile")


@pytest.fixture
def ingested(cli):
    """Ingest the maps of a case, memory and semantic; what the command answered, and the numbers by level and branch."""

    def ingest(case, *options):
        folder = CASES / case
        named = [f"--branch={branch}={folder / 'maps' / branch}" for branch in ("memory", "semantic")]
        data = ["--data-root", folder / "data", "--dataset", "mine", "--k-shot", 1]
        answer = cli("ingest", *named, *data, *options)
        if not Path("promptad.duckdb").exists():
            return answer, {}
        query = "SELECT level, branch, metric, value FROM metrics WHERE branch IN ('memory', 'semantic')"
        return answer, {(level, branch, metric): value for level, branch, metric, value in open_db().query(query).rows}

    return ingest


def test_lossy_masks_count_above_half_grey(ingested, cli):
    answer, found = ingested("jpeg-masks/q75")
    assert answer.code == 0
    assert found["pixel", "memory", "auroc"] == pytest.approx(0.99753, abs=1e-5)
    assert found["pixel", "memory", "aupro"] == pytest.approx(0.99176, abs=1e-5)
    assert found["pixel", "semantic", "auroc"] == pytest.approx(0.95436, abs=1e-5)
    assert found["pixel", "semantic", "aupro"] == pytest.approx(0.86820, abs=1e-5)
    notes = open_db().query("SELECT DISTINCT note FROM metrics WHERE branch = 'memory' AND level = 'pixel'").rows
    assert notes == [("8 masks hold greys, read as anomalous above half grey",)]
    answer = cli("run", "--dataset", "mine", "--data-root", CASES / "jpeg-masks/q75/data", "--check-data")
    assert (answer.code, answer.err.count("holds greys")) == (4, 8)


@pytest.mark.parametrize(("case", "reason"), [("inverted", "white stood for normal"), ("alphaonly", "alpha channel")])
def test_masks_that_cannot_be_meant_are_refused(ingested, cli, case, reason):
    answer, found = ingested(f"inverted/{case}")
    assert (answer.code, found) == (4, {})
    assert answer.err.count(reason) == 1
    answer = cli("run", "--dataset", "mine", "--data-root", CASES / f"inverted/{case}/data", "--check-data")
    assert (answer.code, answer.err.count(reason)) == (4, 5)


def test_doubles_keep_their_digits(ingested):
    answer, found = ingested("float64-maps/close64")
    assert answer.code == 0
    assert found["pixel", "memory", "auroc"] == pytest.approx(0.80567, abs=1e-5)
    assert found["pixel", "semantic", "auroc"] == pytest.approx(0.63358, abs=1e-5)
    assert found["image", "memory", "auroc"] == pytest.approx(0.95, abs=1e-12)
    assert found["image", "semantic", "auroc"] == pytest.approx(0.75, abs=1e-12)


def test_maps_of_another_size_are_refused_with_the_mend(ingested):
    answer, found = ingested("maps-of-other-size/smaller")
    assert (answer.code, found) == (4, {})
    assert "000.tiff: widget is left out: it is 24 x 28, but " in answer.err
    assert "start_run(render=(48, 56))" in answer.err


def test_image_level_needs_no_masks(ingested):
    answer, found = ingested("no-masks-cls/nomask", "--task", "cls")
    assert answer.code == 0
    assert {key: value for key, value in found.items() if key[2] == "auroc"} == {
        ("image", "memory", "auroc"): 0.95,
        ("image", "semantic", "auroc"): 0.75,
    }


@pytest.mark.slow
def test_the_detector_runs_at_image_level_without_masks(cli):
    given = ["--task", "cls", "--dataset", "mine", "--data-root", CASES / "no-masks-cls/nomask/data"]
    assert cli("run", *given, "--model", "tiny", "--epochs", 2).code == 0
    assert cli("run", *given, "--check-data").code == 0
    answer = cli("run", "--task", "seg", *given[2:], "--model", "tiny", "--epochs", 2)
    assert answer.code == 4
    assert "--task cls needs no masks" in answer.err


def test_maps_of_no_image_are_counted(ingested):
    answer, found = ingested("partial-data-root/partial")
    assert answer.code == 0
    assert "3 maps of memory and of semantic, such as crack/003.tiff, are of no test image" in answer.err
    assert found["image", "memory", "auroc"] == 1


def test_normal_images_must_lie_in_good(cli):
    answer = cli("run", "--dataset", "btad", "--data-root", CASES / "btad-ok-ko/btad", "--check-data")
    assert answer.code == 4
    (line,) = (line for line in answer.err.splitlines() if line.startswith("problem: "))
    assert "normal images must lie in train/good and test/good (found train/ok, test/ok)" in line
