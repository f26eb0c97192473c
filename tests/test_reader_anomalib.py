"""anomalib's benchmark results.csv: one row a model and category, float32 numbers as fractions."""

import pytest

from promptad_db import ingest, open_db
from promptad_db.ingestion.readers import ImportOptions, anomalib

HEADER = (
    "accelerator,anomalib_version,job_duration,fit_duration,test_duration,model.class_path,data.class_path,"
    "data.init_args.root,data.init_args.category,seed,image_AUROC,image_F1Score,pixel_AUROC,pixel_F1Score"
)
OLD = "seed,accelerator,model,data,category,duration,pixel_AUROC,pixel_F1Score,image_AUROC,image_F1Score"


def row(model="Padim", category="bottle", image="0.9984126687049866", pixel="0.9793457984924316", data="MVTecAD"):
    """A row as BenchmarkJob.save has pandas write it."""
    return (
        f"cpu,2.1.0,31.5,20.25,8.125,{model},{data},./datasets/{data},{category},42,"
        f"{image},0.9841269850730896,{pixel},0.6854932904243469"
    )


def write(root, *rows, header=HEADER, name="runs/benchmark/2026-01-02-03_04_05/results.csv"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def read(*paths, **options):
    rejected = []
    options = {"k_shot": 1, **options}
    runs = list(anomalib.read(paths, ImportOptions(**options), lambda path, reason: rejected.append((path, reason))))
    return runs, rejected


def test_every_model_gives_a_run_of_each_task(tmp_path):
    path = write(tmp_path, row(), row(category="capsule"), row("anomalib.models.image.Draem"))
    assert anomalib.recognise(path)
    runs, rejected = read(path)
    assert not rejected
    assert [(run.method, run.task, list(run.categories)) for run in runs] == [
        ("Draem", "cls", ["bottle"]), ("Draem", "seg", ["bottle"]),
        ("Padim", "cls", ["bottle", "capsule"]), ("Padim", "seg", ["bottle", "capsule"]),
    ]  # fmt: skip
    assert {(run.experiment, run.dataset, run.k_shot, run.seed) for run in runs} == {
        ("2026-01-02-03_04_05", "mvtec", 1, 42)
    }
    auroc, f1 = runs[2].categories["bottle"].metrics
    assert (auroc.metric, auroc.value, auroc.branch, auroc.precision) == ("auroc", 0.9984126687049866, "memory", 0.0)
    assert (f1.metric, f1.value) == ("f1_score", 0.9841269850730896)
    assert runs[2].categories["bottle"].timings == {"fit": 20.25, "test": 8.125}
    assert runs[0].categories["bottle"].metrics[0].branch == "score"


def test_the_columns_of_older_versions_are_known(tmp_path):
    path = write(
        tmp_path,
        "42,cpu,Padim,MVTec,bottle,29,0.9793457984924316,0.68,0.9984126687049866,0.98",
        "42,cpu,Padim,Visa,candle,29,0.9793457984924316,0.68,0.9984126687049866,0.98",
        header=OLD,
    )
    assert anomalib.recognise(path)
    runs, rejected = read(path)
    assert not rejected
    assert [(run.dataset, run.task) for run in runs] == [
        ("mvtec", "cls"), ("visa", "cls"), ("mvtec", "seg"), ("visa", "seg")
    ]  # fmt: skip


def test_winclip_tells_its_shots_and_without_any_it_is_the_semantic_branch(tmp_path):
    header = HEADER + ",model.init_args.k_shot"
    path = write(tmp_path, row("WinClip") + ",4", row("WinClip", "capsule") + ",0.0", header=header)
    runs, rejected = read(path, k_shot=None)
    assert not rejected
    found = {
        (run.k_shot, run.task): {m.branch for result in run.categories.values() for m in result.metrics} for run in runs
    }
    assert found == {
        (0, "cls"): {"semantic"}, (0, "seg"): {"semantic"}, (4, "cls"): {"score"}, (4, "seg"): {"score"}
    }  # fmt: skip


def test_without_shots_k_is_asked_for(tmp_path):
    _, [(_, reason)] = read(write(tmp_path, row()), k_shot=None)
    assert "give --k-shot" in reason
    assert reason.startswith("line 2: ")


def test_it_goes_into_the_database_once(tmp_path):
    path = write(tmp_path, row(), row(category="capsule"))
    options = ImportOptions(k_shot=1)
    first = ingest(path, db="d.duckdb", options=options)
    second = ingest(path, db="d.duckdb", options=options)
    assert (len(first.added), first.rejected, len(second.unchanged)) == (2, [], 2)
    [(count,)] = open_db("d.duckdb").query("SELECT COUNT(*) FROM metrics WHERE metric = 'auroc'").rows
    assert count == 4


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (row(image="nan"), "image_AUROC of bottle is 'nan'"),
        (row(image="99.84"), "image_AUROC of bottle is '99.84', not a fraction"),
        (row(category=""), "category"),
        (row().replace(",42,", ",4.5,"), "seed is '4.5', not a whole number"),
        (row().replace("20.25", "soon"), "a duration is 'soon'"),
        (row().replace("20.25", "-1"), "a duration is '-1'"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_alone(tmp_path, broken, reason):
    runs, [(_, told)] = read(write(tmp_path, broken, row(category="tile")))
    assert all(list(run.categories) == ["tile"] for run in runs)
    assert len(runs) == 2
    assert reason in told


def test_an_empty_number_is_none(tmp_path):
    [run], rejected = read(write(tmp_path, row(pixel="").rpartition(",")[0] + ","))
    assert not rejected
    assert run.task == "cls"


def test_a_cut_row_refuses_the_file(tmp_path):
    runs, [(_, reason)] = read(write(tmp_path, row(), row(category="tile")[:60]))
    assert not runs
    assert "line 3 has" in reason


def test_a_category_told_twice_differently_is_refused(tmp_path):
    _, [(_, reason)] = read(write(tmp_path, row(), row(image="0.5")))
    assert reason == "line 3: bottle has other numbers here than further up"


def test_other_tables_are_not_recognised(tmp_path):
    for header in ("model,data,loss", "model,image_AUROC", "Row Names,instance_auroc"):
        assert not anomalib.recognise(write(tmp_path, header=header))
