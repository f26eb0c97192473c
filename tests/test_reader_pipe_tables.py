"""The pipe tables in log.txt of AnomalyCLIP and APRIL-GAN: percents with one decimal."""

import pytest

from promptad_db import ingest
from promptad_db.ingestion.readers import ImportOptions, pipe_tables

STAMP = "24-12-18 12:08:53.440 - INFO: "
CLIP = ["pixel_auroc", "pixel_aupro", "image_auroc", "image_ap"]
GAN = ["auroc_px", "f1_px", "ap_px", "aupro", "auroc_sp", "f1_sp", "ap_sp"]
ROWS = {"carpet": ["98.8", "90", "100", "100"], "metal_nut": ["74.6", "71.1", "92.4", "98.2"]}
ARGUMENTS = {"dataset": "visa", "model": "ViT-L-14-336", "mode": "few_shot", "k_shot": "4", "seed": "42"}


def table(columns, rows, *, mean=True):
    """What tabulate(..., tablefmt="pipe") gives to the logger of both test.py."""
    if mean:
        rows = {**rows, "mean": ["86.7"] * len(columns)}
    widths = [max(len(column), 5) for column in columns]
    lines = ["| objects    | " + " | ".join(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True)) + " |"]
    lines.append("|:-----------|" + "|".join("-" * (w + 1) + ":" for w in widths) + "|")
    lines += [
        f"| {name:<10} | " + " | ".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)) + " |"
        for name, cells in rows.items()
    ]
    return STAMP + "\n" + "\n".join(lines) + "\n"


def arguments(**changes):
    return "".join(f"{STAMP}{name}: {value}\n" for name, value in {**ARGUMENTS, **changes}.items())


def write(root, text, name="results/4shot/log.txt"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(*paths, **options):
    rejected = []
    runs = list(pipe_tables.read(paths, ImportOptions(**options), lambda path, reason: rejected.append((path, reason))))
    return runs, rejected


def test_anomalyclip_is_the_semantic_branch_without_shots(tmp_path):
    path = write(tmp_path, table(CLIP, ROWS))
    assert pipe_tables.recognise(path)
    (cls, seg), rejected = read(path, dataset="mvtec", seed=111)
    assert not rejected
    for run in (cls, seg):
        assert (run.experiment, run.method, run.dataset, run.k_shot, run.seed) == (
            "4shot", "AnomalyCLIP", "mvtec", 0, 111
        )  # fmt: skip
        assert list(run.categories) == ["carpet", "metal_nut"]
    found = [(m.level, m.branch, m.metric, m.value, m.precision) for m in cls.categories["metal_nut"].metrics]
    assert found == [
        ("image", "semantic", "auroc", 0.924, pytest.approx(1e-3)),
        ("image", "semantic", "ap", 0.982, pytest.approx(1e-3)),
    ]
    assert [(m.metric, m.value) for m in seg.categories["carpet"].metrics] == [("auroc", 0.988), ("aupro", 0.9)]


def test_anomalyclip_tells_no_data_set_and_it_is_asked_for(tmp_path):
    _, [(_, reason)] = read(write(tmp_path, table(CLIP, ROWS)))
    assert "give --dataset" in reason


def test_april_gan_logs_its_arguments_and_fuses_both_branches(tmp_path):
    rows = {"candle": ["97.9", "30", "20.5", "90", "91.2", "88", "93"]}
    (cls, seg), rejected = read(write(tmp_path, arguments() + table(GAN, rows)))
    assert not rejected
    assert (cls.method, cls.dataset, cls.k_shot, cls.seed, cls.model) == (
        "APRIL-GAN", "visa", 4, 42, {"name": "ViT-L-14-336"}
    )  # fmt: skip
    assert {m.metric: (m.branch, m.value) for m in cls.categories["candle"].metrics} == {
        "auroc": ("mean", 0.912), "f1_max": ("mean", 0.88), "ap": ("mean", 0.93)
    }  # fmt: skip
    assert {m.metric: m.value for m in seg.categories["candle"].metrics} == {
        "auroc": pytest.approx(0.979), "f1_max": 0.3, "ap": pytest.approx(0.205), "aupro": 0.9
    }  # fmt: skip


def test_april_gan_without_shots_is_the_semantic_branch(tmp_path):
    text = arguments(mode="zero_shot") + table(GAN, {"candle": ["97.9"] * 7})
    (cls, _), _ = read(write(tmp_path, text))
    assert (cls.k_shot, cls.categories["candle"].metrics[0].branch) == (0, "semantic")


def test_a_table_of_one_level_gives_one_run(tmp_path):
    text = table(["image_auroc", "image_ap"], {"carpet": ["99.9", "100"]})
    [run], rejected = read(write(tmp_path, text), dataset="mvtec")
    assert not rejected
    assert run.task == "cls"


def test_two_tables_in_a_log_must_tell_the_same(tmp_path):
    path = write(tmp_path, table(CLIP, ROWS) * 2)
    assert read(path, dataset="mvtec")[1] == []
    other = {**ROWS, "carpet": ["98.8", "90", "99", "100"]}
    (cls, _), [(_, reason)] = read(write(tmp_path, table(CLIP, ROWS) + table(CLIP, other)), dataset="mvtec")
    assert cls.categories["carpet"].metrics[0].value == 1.0
    assert reason.endswith("carpet has other numbers here than further up")


@pytest.mark.parametrize("bad", ["nan", "inf", "-", "101", "-1", "x", "0.924"])
def test_a_number_that_cannot_be_meant_is_left_out_alone(tmp_path, bad):
    rows = {**ROWS, "metal_nut": ["74.6", "71.1", bad, "98.2"]}
    (cls, seg), [(_, reason)] = read(write(tmp_path, table(CLIP, rows)), dataset="mvtec")
    assert [m.metric for m in cls.categories["carpet"].metrics] == ["auroc", "ap"]
    assert [(m.metric, m.value) for m in cls.categories["metal_nut"].metrics] == [("ap", 0.982)]
    assert [m.value for m in seg.categories["metal_nut"].metrics] == [pytest.approx(0.746), pytest.approx(0.711)]
    assert f"image_auroc of metal_nut is {bad!r}" in reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (table(CLIP, ROWS, mean=False), "the file was cut"),
        (table(CLIP, ROWS)[:-60], "the file was cut"),
        (table(CLIP, {"carpet": ["0.9", "0.8", "0.7", "1.0"]}).replace("86.7", " 0.9"), "look like fractions"),
        (table([*CLIP[:3], CLIP[2]], ROWS), "same name"),
        (table(CLIP, ROWS).encode() + b"\xff", "not UTF-8"),
    ],
)
def test_a_broken_table_is_refused_whole(tmp_path, text, reason):
    runs, [(_, told)] = read(write(tmp_path, text), dataset="mvtec")
    assert not runs
    assert reason in told


def test_one_column_of_fractions_costs_itself_alone(tmp_path):
    rows = {name: [*cells[:2], str(float(cells[2]) / 100), cells[3]] for name, cells in ROWS.items()}
    (cls, seg), [(_, reason)] = read(write(tmp_path, table(CLIP, rows)), dataset="mvtec")
    assert reason == "the numbers of image_auroc look like fractions; percents are expected: multiply by 100"
    assert [m.metric for m in cls.categories["carpet"].metrics] == ["ap"]
    assert [m.metric for m in seg.categories["carpet"].metrics] == ["auroc", "aupro"]


def test_a_small_average_precision_is_believed(tmp_path):
    rows = {
        "carpet": ["97.9", "30", "20.5", "90", "91.2", "88", "93"],
        "tile": ["97.9", "0.7", "0.4", "90", "91.2", "88", "93"],
    }
    (_, seg), rejected = read(write(tmp_path, arguments() + table(GAN, rows)))
    assert not rejected
    assert {m.metric: m.value for m in seg.categories["tile"].metrics}["ap"] == pytest.approx(0.004)


def test_checkpoints_and_models_of_one_log_are_runs_of_their_own(tmp_path):
    rows = [{"candle": [value] * 7} for value in ("97.9", "95.1", "91.3")]
    text = arguments(checkpoint_path="a/epoch_3.pth") + table(GAN, rows[0])
    text += f"{STAMP}checkpoint_path: b/epoch_3.pth\n" + table(GAN, rows[1])
    text += arguments(checkpoint_path="b/epoch_3.pth", model="ViT-B-16") + table(GAN, rows[2])
    runs, rejected = read(write(tmp_path, text))
    assert not rejected
    found = {round(run.categories["candle"].metrics[0].value, 6): run.variant for run in runs if run.task == "cls"}
    assert found == {
        0.979: "ViT-L-14-336 checkpoint_path=a/epoch_3.pth",
        0.951: "ViT-L-14-336 checkpoint_path=b/epoch_3.pth",
        0.913: "ViT-B-16 checkpoint_path=b/epoch_3.pth",
    }
    assert {(run.dataset, run.k_shot, run.seed) for run in runs} == {("visa", 4, 42)}


def test_what_was_logged_for_an_earlier_run_is_not_of_a_later_one(tmp_path):
    later = "".join(f"{STAMP}{name}: {value}\n" for name, value in ARGUMENTS.items() if name != "seed")
    rows = {"candle": ["97.9"] * 7}, {"candle": ["95.1"] * 7}
    runs, rejected = read(write(tmp_path, arguments() + table(GAN, rows[0]) + later + table(GAN, rows[1])))
    assert not rejected
    found = {(run.seed, round(run.categories["candle"].metrics[0].value, 6)) for run in runs}
    assert found == {(42, 0.979), (None, 0.951)}


def test_an_assumed_method_is_recorded_and_with_another_one_k_is_assumed_as_well(tmp_path):
    path = write(tmp_path, table(CLIP, ROWS))
    assert {(run.method, *run.assumed) for run in read(path, dataset="x")[0]} == {("AnomalyCLIP", "method")}
    found = {(run.method, run.k_shot, *run.assumed) for run in read(path, dataset="x", method="AdaCLIP")[0]}
    assert found == {("AdaCLIP", 0, "k_shot")}
    assert {(run.k_shot, *run.assumed) for run in read(path, dataset="x", method="mine", k_shot=4)[0]} == {(4,)}


def test_means_and_blank_rows_are_passed_over_wherever_they_stand(tmp_path):
    blank = ["", "", "", ""]
    text = table(
        CLIP,
        {"carpet": ROWS["carpet"], "": blank, "mean": ["91.1"] * 4, "metal_nut": ROWS["metal_nut"], "Mean": ["1"] * 4},
        mean=False,
    )
    (cls, seg), rejected = read(write(tmp_path, text), dataset="mvtec")
    assert not rejected
    assert list(cls.categories) == list(seg.categories) == ["carpet", "metal_nut"]


def test_a_table_that_was_cut_keeps_the_others_of_its_log(tmp_path):
    text = table(CLIP, ROWS) + table(CLIP, {"tile": ROWS["carpet"]}, mean=False) + "noise\n"
    (cls, _), [(_, reason)] = read(write(tmp_path, text), dataset="mvtec")
    assert "the file was cut" in reason
    assert list(cls.categories) == ["carpet", "metal_nut"]


def test_a_short_row_is_refused_by_its_line(tmp_path):
    text = (
        table(CLIP, ROWS).replace("|         98.2 |", "|").replace("|      98.2 |", "|").replace(" |     98.2 |", " |")
    )
    runs, [(_, reason)] = read(write(tmp_path, text), dataset="mvtec")
    assert "has 4 cells, the header 5" in reason
    assert all(list(run.categories) == ["carpet"] for run in runs)


def test_logs_about_something_else_are_passed_over_in_silence(tmp_path):
    write(tmp_path, "epoch [1/3], loss:2.8459\n", "in/train.log")
    write(tmp_path, "torch==2.1\n", "in/requirements.txt")
    write(tmp_path, table(CLIP, ROWS), "in/log.txt")
    outcome = ingest(tmp_path / "in", db="d.duckdb", options=ImportOptions(dataset="mvtec"))
    assert (len(outcome.added), outcome.skipped, outcome.rejected) == (2, [], [])
    named = ingest(tmp_path / "in" / "train.log", db="d.duckdb")
    assert [reason for _, reason in named.rejected] == ["not a result file of a known format"]


def test_other_tables_are_not_recognised(tmp_path):
    assert not pipe_tables.recognise(write(tmp_path, "| objects | loss |\n| a | 1 |\n"))
    assert not pipe_tables.recognise(write(tmp_path, table(CLIP, ROWS), "table.md"))
