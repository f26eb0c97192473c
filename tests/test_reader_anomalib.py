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
        (row(category=""), "category"),
        (row(model=""), "model"),
        (row().replace(",42,", ",4.5,"), "seed is '4.5', not a whole number"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_alone(tmp_path, broken, reason):
    runs, [(_, told)] = read(write(tmp_path, broken, row(category="tile")))
    assert all(list(run.categories) == ["tile"] for run in runs)
    assert len(runs) == 2
    assert reason in told


@pytest.mark.parametrize("bad", ["nan", "inf", "-", "99.84", "-0.1", "x"])
def test_a_bad_number_is_left_out_alone(tmp_path, bad):
    runs, [(_, reason)] = read(write(tmp_path, row(image=bad), row(category="tile")))
    assert reason.startswith(f"line 2: image_AUROC of bottle is {bad!r}, not a")
    found = {
        (run.task, name): [m.metric for m in run.categories[name].metrics] for run in runs for name in run.categories
    }
    assert found == {
        ("cls", "bottle"): ["f1_score"], ("cls", "tile"): ["auroc", "f1_score"],
        ("seg", "bottle"): ["auroc", "f1_score"], ("seg", "tile"): ["auroc", "f1_score"],
    }  # fmt: skip


@pytest.mark.parametrize("bad", ["soon", "-1", "nan"])
def test_a_bad_duration_is_left_out_alone(tmp_path, bad):
    runs, [(_, reason)] = read(write(tmp_path, row().replace("20.25", bad)))
    assert reason == f"line 2: a duration is {bad!r}, not a number of seconds"
    assert [run.categories["bottle"].timings for run in runs] == [{"test": 8.125}] * 2
    assert [run.categories["bottle"].metrics[0].value for run in runs] == [0.9984126687049866, 0.9793457984924316]


def test_a_column_of_percents_is_refused_and_the_others_are_kept(tmp_path):
    runs, [(_, reason)] = read(write(tmp_path, row(image="99.84"), row(category="tile", image="97.5")))
    assert reason == "the numbers of image_AUROC look like percents; fractions are expected: divide by 100"
    assert [(run.task, run.categories["tile"].metrics[0].metric) for run in runs] == [
        ("cls", "f1_score"), ("seg", "auroc")
    ]  # fmt: skip


GRID = (
    "model.init_args.backbone,model.init_args.layers,data.init_args.image_size,model.init_args.coreset_sampling_ratio"
)


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [(0, "resnet18", "wide_resnet50_2"), (1, "['layer2']", "['layer3']"), (2, "224", "256"), (3, "0.1", "0.01")],
)
def test_every_setting_of_a_grid_is_a_run_of_its_own(tmp_path, column, one, other):
    cells = [["resnet18", "['layer2']", "224", "0.1"] for _ in range(2)]
    cells[0][column], cells[1][column] = one, other
    rows = [f"{row(image=image)},{','.join(more)}" for image, more in zip(("0.9", "0.8"), cells, strict=True)]
    runs, rejected = read(write(tmp_path, *rows, header=f"{HEADER},{GRID}"))
    assert not rejected
    found = {run.categories["bottle"].metrics[0].value: run for run in runs if run.task == "cls"}
    assert sorted(found) == [0.8, 0.9]
    assert found[0.8].variant != found[0.9].variant
    assert found[0.8].fingerprint() != found[0.9].fingerprint()
    assert [found[value].model["name"] for value in (0.9, 0.8)] == [cells[0][0], cells[1][0]]
    settings = dict(zip(GRID.split(","), cells[0], strict=True))
    assert found[0.9].config.items() <= settings.items()
    assert (
        found[0.9].variant
        == f"{cells[0][0]} image_size={cells[0][2]} coreset_sampling_ratio={cells[0][3]} layers={cells[0][1]}"
    )


def test_the_settings_of_a_grid_stay_apart_in_the_database_also_with_replace(tmp_path):
    values = {("resnet18", "bottle"): ("0.991", "0.981"), ("wide_resnet50_2", "bottle"): ("0.996", "0.985"),
              ("resnet18", "cable"): ("0.881", "0.941"), ("wide_resnet50_2", "cable"): ("0.912", "0.955")}  # fmt: skip
    rows = [f"{row(category=c, image=image, pixel=pixel)},{b}" for (b, c), (image, pixel) in values.items()]
    path = write(tmp_path, *rows, header=f"{HEADER},model.init_args.backbone")
    for replace in (False, True):
        assert ingest(path, db="d.duckdb", options=ImportOptions(k_shot=8), replace=replace).rejected == []
        found = open_db("d.duckdb").query(
            "SELECT r.model_name, a.category, a.task, a.auroc FROM branch_auroc a JOIN runs r USING (run_id)"
        ).rows  # fmt: skip
        wanted = {
            (b, c, task, float(value))
            for (b, c), pair in values.items()
            for task, value in zip(("cls", "seg"), pair, strict=True)
        }
        assert set(found) == wanted
        assert len(found) == 8


def test_machines_are_told_apart_where_a_file_holds_several(tmp_path):
    runs, rejected = read(write(tmp_path, row(), row(image="0.9").replace("cpu", "gpu", 1)))
    assert not rejected
    assert {run.variant for run in runs} == {"accelerator=cpu", "accelerator=gpu"}
    assert {run.variant for run in read(write(tmp_path, row()))[0]} == {"baseline"}


def test_a_method_of_its_own_keeps_the_models_of_a_file_apart(tmp_path):
    runs, rejected = read(write(tmp_path, row(), row("Patchcore", image="0.9")), method="mine")
    assert not rejected
    assert {(run.method, run.variant) for run in runs} == {("mine", "Padim"), ("mine", "Patchcore")}


def test_rows_of_means_and_blank_rows_are_passed_over(tmp_path):
    rows = [row(), "," * 13, row(category="mean"), row("Average", ""), row(category="tile"), "", row(category="mean")]
    runs, rejected = read(write(tmp_path, *rows))
    assert not rejected
    assert [list(run.categories) for run in runs] == [["bottle", "tile"]] * 2


def test_columns_are_known_in_any_case(tmp_path):
    path = write(tmp_path, row(), header=HEADER.upper())
    assert anomalib.recognise(path)
    assert [run.task for run in read(path)[0]] == ["cls", "seg"]


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
