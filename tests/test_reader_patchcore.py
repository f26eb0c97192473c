"""PatchCore's results.csv: image and pixel AUROCs of a memory branch, as full fractions."""

import csv
import io

import numpy as np
import pytest

from promptad_db import ingest
from promptad_db.ingestion.readers import ImportOptions, patchcore
from promptad_db.limits import LARGEST_TEXT

FIVE = ["instance_auroc", "full_pixel_auroc", "full_pro", "anomaly_pixel_auroc", "anomaly_pro"]
THREE = ["instance_auroc", "full_pixel_auroc", "anomaly_pixel_auroc"]
NUMBERS = [0.9968140929535232, 0.9841371746366138, 0.5751305987374938, 0.9752826619665804, 0.9377129327241746]


def text_of(names, columns=tuple(FIVE), rows=None):
    """What compute_and_store_final_results of src/patchcore/utils.py writes."""
    rows = rows or [[value - 0.001 * index for value in NUMBERS[: len(columns)]] for index in range(len(names))]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=",")
    writer.writerow(["Row Names", *columns])
    for name, row in zip(names, rows, strict=True):
        writer.writerow([name, *row])
    writer.writerow(["Mean", *np.mean(rows, axis=0)])
    return file.getvalue()


def write(root, text, name="results/project/group/results.csv"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(*paths, **options):
    rejected = []
    options = {"k_shot": 1, **options}
    runs = list(patchcore.read(paths, ImportOptions(**options), lambda path, reason: rejected.append((path, reason))))
    return runs, rejected


def test_a_file_gives_a_run_of_each_task_and_the_mean_is_no_category(tmp_path):
    path = write(tmp_path, text_of(["mvtec_bottle", "mvtec_metal_nut"]))
    assert patchcore.recognise(path)
    (cls, seg), rejected = read(path, seed=0)
    assert not rejected
    for run in (cls, seg):
        assert (run.experiment, run.method, run.dataset, run.k_shot, run.seed) == ("group", "PatchCore", "mvtec", 1, 0)
        assert list(run.categories) == ["bottle", "metal_nut"]
    [metric] = cls.categories["bottle"].metrics
    assert (metric.level, metric.branch, metric.metric, metric.value, metric.precision) == (
        "image", "memory", "auroc", NUMBERS[0], 0.0
    )  # fmt: skip
    assert {metric.metric: metric.value for metric in seg.categories["bottle"].metrics} == {
        "auroc": NUMBERS[1],
        "aupro": NUMBERS[2],
        "auroc_anomalous_only": NUMBERS[3],
        "aupro_anomalous_only": NUMBERS[4],
    }


def test_the_newer_code_writes_three_of_the_five_columns(tmp_path):
    (cls, seg), rejected = read(write(tmp_path, text_of(["mvtec_tile"], THREE, [[1.0, 0.95, 0.94]])))
    assert not rejected
    assert cls.categories["tile"].metrics[0].value == 1.0
    assert [metric.metric for metric in seg.categories["tile"].metrics] == ["auroc", "auroc_anomalous_only"]


def test_rounded_numbers_have_the_precision_they_were_written_in(tmp_path):
    (cls, _), _ = read(
        write(tmp_path, "Row Names,instance_auroc,full_pixel_auroc\nmvtec_tile,1.0,0.951\nMean,1,0.951\n")
    )
    assert cls.categories["tile"].metrics[0].precision == pytest.approx(1e-3)


def test_the_longest_number_tells_the_precision_wherever_it_stands(tmp_path):
    (cls, seg), _ = read(
        write(tmp_path, "Row Names,instance_auroc,full_pixel_auroc\nmvtec_tile,0.951,1.0\nMean,0.951,1.0\n")
    )
    assert [run.categories["tile"].metrics[0].precision for run in (cls, seg)] == pytest.approx([1e-3, 1e-3])


def test_k_is_told_nowhere_and_asked_for(tmp_path):
    path = write(tmp_path, text_of(["mvtec_tile"]))
    outcome = ingest(path, db="d.duckdb")
    [(_, reason)] = outcome.rejected
    assert "give --k-shot" in reason


def test_a_data_set_that_nobody_knows_is_asked_for(tmp_path):
    path = write(tmp_path, text_of(["my_set_part", "odd"]))
    runs, rejected = read(path)
    assert not runs
    assert [reason.split(":")[0] for _, reason in rejected] == ["line 2", "line 3"]
    (cls, _), rejected = read(path, dataset="my_set")
    assert not rejected
    assert list(cls.categories) == ["odd", "part"]


@pytest.mark.parametrize("bad", ["nan", "1.5", "-0.1", "inf", "x"])
def test_a_number_that_cannot_be_meant_is_left_out_alone(tmp_path, bad):
    text = text_of(["mvtec_tile", "mvtec_wood"]).replace(str(NUMBERS[0]), bad, 1)
    (cls, seg), [(_, reason)] = read(write(tmp_path, text))
    assert list(cls.categories) == ["wood"]
    assert [len(seg.categories[name].metrics) for name in ("tile", "wood")] == [4, 4]
    assert reason.startswith("line 2: instance_auroc of tile is")


def test_an_empty_cell_is_no_number(tmp_path):
    (cls, seg), rejected = read(
        write(tmp_path, "Row Names,instance_auroc,full_pixel_auroc\nmvtec_tile,,0.95\nmvtec_wood,0.9,\nMean,0.9,0.95\n")
    )
    assert not rejected
    assert (list(cls.categories), list(seg.categories)) == (["wood"], ["tile"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text[: text.index("Mean")], "the file was cut"),
        (lambda text: text.replace("mvtec_tile,", "mvtec_tile,0.5,", 1), "line 2 has 7 cells, the header 6"),
        (lambda text: text.replace("full_pro", "instance_auroc"), "same name"),
        (lambda text: text.splitlines()[0], "no rows"),
        (lambda text: text.encode() + b"\xff", "not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_whole(tmp_path, change, reason):
    runs, [(_, told)] = read(write(tmp_path, change(text_of(["mvtec_tile", "mvtec_wood"]))))
    assert not runs
    assert reason in told


def test_a_category_told_twice_differently_is_refused(tmp_path):
    (cls, _), rejected = read(write(tmp_path, text_of(["mvtec_tile", "mvtec_tile"])))
    assert cls.categories["tile"].metrics[0].value == NUMBERS[0]
    assert rejected[0][1] == "line 3: tile has other numbers here than further up"


def test_the_group_folder_of_the_code_tells_its_settings_and_the_seed(tmp_path):
    groups = ("IM224_WR50_L2-3_P01_D1024-1024_PS-3_AN-1_S0", "IM224_R18_L2-3_P01_D1024-1024_PS-3_AN-1_S1_2")
    paths = [
        write(
            tmp_path,
            text_of(["mvtec_tile"], rows=[[value, *NUMBERS[1:]]]),
            f"results/MVTecAD_Results/{group}/results.csv",
        )
        for group, value in zip(groups, (0.9, 0.8), strict=True)
    ]
    runs, rejected = read(*paths, experiment="one", seed=7)
    assert not rejected
    assert [(run.variant, run.seed, run.categories["tile"].metrics[0].value) for run in runs if run.task == "cls"] == [
        ("IM224_R18_L2-3_P01_D1024-1024_PS-3_AN-1", 1, 0.8), ("IM224_WR50_L2-3_P01_D1024-1024_PS-3_AN-1", 0, 0.9)
    ]  # fmt: skip


def test_two_folders_that_tell_nothing_and_differ_name_the_option(tmp_path):
    paths = [
        write(tmp_path, text_of(["mvtec_tile"], rows=[[value, *NUMBERS[1:]]]), f"{value}/results.csv")
        for value in (0.9, 0.8)
    ]
    assert len(read(*paths)[0]) == 4
    _, [(path, reason)] = read(*paths, experiment="one")
    assert path == paths[0]
    assert f"other numbers here than in {paths[1]}" in reason
    assert "--experiment" in reason


def test_an_assumed_method_is_recorded_and_one_that_is_given_is_not(tmp_path):
    path = write(tmp_path, text_of(["mvtec_tile"]))
    assert {(run.method, run.selection, *run.assumed) for run in read(path)[0]} == {("PatchCore", "none", "method")}
    assert {(run.method, run.selection, *run.assumed) for run in read(path, method="mine")[0]} == {("mine", "unknown")}


def test_means_and_blank_rows_are_passed_over_wherever_they_stand(tmp_path):
    text = (
        text_of(["mvtec_tile", "Mean", "mvtec_wood"]).replace("mvtec_wood", ",,,,,\nmvtec_wood")
        + "mean,1,1,1,1,1\n,,,,,\n"
    )
    (cls, _), rejected = read(write(tmp_path, text))
    assert not rejected
    assert list(cls.categories) == ["tile", "wood"]


def test_percents_are_refused_with_the_way_to_fix_them(tmp_path):
    percents = [[100 * value for value in NUMBERS]] * 2
    runs, [(_, reason)] = read(write(tmp_path, text_of(["mvtec_tile", "mvtec_wood"], rows=percents)))
    assert not runs
    assert "look like percents" in reason
    assert "divide by 100" in reason


def test_a_category_without_its_dataset_is_named_as_it_is(tmp_path):
    (cls, _), rejected = read(write(tmp_path, text_of(["metal_nut", "mvtec_wood", "mine_tile"])), dataset="mine")
    assert not rejected
    assert list(cls.categories) == ["metal_nut", "tile", "wood"]


def test_an_endless_file_is_refused(tmp_path):
    path = write(tmp_path, text_of(["mvtec_tile"]))
    with path.open("r+b") as file:
        file.truncate(LARGEST_TEXT + 1)
    _, [(_, reason)] = read(path)
    assert "larger than 64 MiB" in reason


def test_other_tables_are_not_recognised(tmp_path):
    for text in ("", "Row Names,loss\na,1\n", "name,instance_auroc\na,1\n", ",i_roc,p_roc\nmvtec-a,1,2\n"):
        assert not patchcore.recognise(write(tmp_path, text))
