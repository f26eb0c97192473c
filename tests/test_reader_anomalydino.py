"""AnomalyDINO's metrics and times: fractions become reported numbers, and the scores find the seed they belong to."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from promptad_db import ingest, open_db
from promptad_db.ingestion.readers import ImportOptions, anomalydino

FOLDER = "work/results_MVTec/dinov2_vits14_448/1-shot_preprocess=agnostic"


def samples(seed):
    """Scores of two objects, as run_anomalydino.py has them in hand before it writes them."""
    random = np.random.default_rng(seed)
    return {
        name: {
            **{f"good/{i:03d}.png": float(random.normal(0.2, 0.05)) for i in range(12)},
            **{f"scratch/{i:03d}.png": float(random.normal(0.25, 0.05)) for i in range(15)},
        }
        for name in ("bottle", "metal_nut")
    }


def auroc(scores):
    return float(roc_auc_score([not name.startswith("good/") for name in scores], list(scores.values())))


def write_metrics(root, seed, *, folder=FOLDER, name=None, change=None, seg=True):
    """Write a file as eval_finished_run of src/post_eval.py does."""
    content = {}
    for obj, scores in samples(seed).items():
        content[obj] = {"seg_AUPRO": 0.91, "seg_AUROC": 0.9625, "seg_F1": 0.5} if seg else {}
        content[obj] |= {"classification_AUROC": auroc(scores), "classification_AP": 0.98, "classification_F1": 0.95}
    content |= {"mean_segmentation_au_roc": 0.96, "mean_classification_au_roc": 0.9}
    if change:
        change(content)
    path = root / folder / (name or f"metrics_seed={seed}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        json.dump(content, file, indent=4)
    return path


def write_times(root, seed, *, folder=FOLDER, change=lambda text: text):
    """Write a file as run_anomalydino.py does."""
    lines = ["Object,Sample,Anomaly_Score,MemoryBank_Time,Inference_Time"]
    for obj, scores in samples(seed).items():
        lines += [f"{obj},{sample},{score:.5f},{1.25:.5f},{0.03125:.5f}" for sample, score in scores.items()]
    path = root / folder / "time_measurements.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(change("\r\n".join(lines) + "\r\n").encode())
    return path


def read(*paths, **options):
    rejected = []
    runs = list(anomalydino.read(paths, ImportOptions(**options), lambda path, reason: rejected.append((path, reason))))
    return runs, rejected


def numbers(run, category="bottle"):
    return {(m.branch, m.metric, m.provenance): m.value for m in run.categories[category].metrics}


def test_one_file_gives_a_run_of_each_task_with_what_its_folders_tell(tmp_path):
    (cls, seg), rejected = read(write_metrics(tmp_path, 2))
    assert not rejected
    for run, task in ((cls, "cls"), (seg, "seg")):
        assert (run.experiment, run.method, run.dataset, run.k_shot, run.seed) == ("work", "AnomalyDINO", "mvtec", 1, 2)
        assert (run.task, run.variant, run.model) == (task, "dinov2_vits14_448 agnostic", {"name": "dinov2_vits14"})
        assert list(run.categories) == ["bottle", "metal_nut"]
    assert numbers(cls) == {
        ("memory", "auroc", "reported"): auroc(samples(2)["bottle"]),
        ("memory", "ap", "reported"): 0.98,
        ("memory", "f1_max", "reported"): 0.95,
    }
    assert numbers(seg) == {
        ("memory", "auroc", "reported"): 0.9625,
        ("memory", "aupro", "reported"): 0.91,
        ("memory", "f1_max", "reported"): 0.5,
    }
    assert {metric.precision for metric in cls.categories["bottle"].metrics} == {0.0}


def test_the_times_go_to_the_seed_whose_aurocs_the_scores_give(tmp_path):
    paths = [write_metrics(tmp_path, seed, seg=False) for seed in range(3)]
    runs, rejected = read(*paths, write_times(tmp_path, 1))
    assert not rejected
    assert [(run.seed, bool(run.categories["bottle"].timings)) for run in runs] == [(0, False), (1, True), (2, False)]
    result = runs[1].categories["bottle"]
    assert result.timings == {"memory_bank": 1.25, "inference": 27 * 0.03125}
    assert result.images[0] == "good/000.png"
    assert result.labels.sum() == 15
    assert numbers(runs[1])["memory", "auroc", "exact"] == pytest.approx(auroc(samples(1)["bottle"]), abs=1e-3)
    assert numbers(runs[1])["memory", "auroc", "reported"] == auroc(samples(1)["bottle"])


def test_times_whose_name_tells_the_seed_go_to_it_or_are_refused(tmp_path):
    for seed in range(2):
        write_metrics(tmp_path, seed, seg=False)
    named = write_times(tmp_path, 1).rename(tmp_path / FOLDER / "measurements_seed=1.csv")
    beside = sorted((tmp_path / FOLDER).iterdir())
    runs, rejected = read(*beside)
    assert not rejected
    assert [(run.seed, bool(run.categories["bottle"].timings)) for run in runs] == [(0, False), (1, True)]
    named.write_bytes(write_times(tmp_path, 0).read_bytes())
    runs, [(path, reason)] = read(*beside)
    assert path == named
    assert "fit none of the seeds 1" in reason
    other = named.rename(named.with_name("measurements_seed=7.csv"))
    assert {run.seed for run in read(*beside[1:], other)[0]} == {0, 1, 7}


def test_times_that_fit_no_seed_beside_them_are_refused(tmp_path):
    runs, [(path, reason)] = read(write_metrics(tmp_path, 0), write_metrics(tmp_path, 1), write_times(tmp_path, 5))
    assert len(runs) == 4
    assert path.name == "time_measurements.csv"
    assert "fit none of the seeds 0, 1" in reason


def test_times_alone_need_the_seed_and_are_scored(tmp_path):
    path = write_times(tmp_path, 3)
    _, [(_, reason)] = read(path)
    assert "give --seed" in reason
    [run], rejected = read(path, seed=3)
    assert not rejected
    assert (run.task, run.seed, run.k_shot) == ("cls", 3, 1)
    assert numbers(run)["memory", "auroc", "exact"] is not None


def test_all_of_it_goes_into_the_database_once(tmp_path):
    write_metrics(tmp_path, 0)
    write_times(tmp_path, 0)
    first, second = ingest(tmp_path / "work", db="d.duckdb"), ingest(tmp_path / "work", db="d.duckdb")
    assert (len(first.added), first.rejected, len(second.unchanged), second.added) == (2, [], 2, [])
    rows = open_db("d.duckdb").query("SELECT task, branch, provenance FROM branch_auroc ORDER BY 1, 2, 3").rows
    assert set(rows) == {("cls", "memory", "exact"), ("seg", "memory", "reported")}
    [(stages, images)] = open_db("d.duckdb").query("SELECT COUNT(DISTINCT stage), MAX(n_images) FROM timings").rows
    assert (stages, images) == (2, 27)


def test_other_folders_need_the_options(tmp_path):
    path = write_metrics(tmp_path, 0, folder="somewhere", name="metrics.json")
    assert "give --dataset" in read(path)[1][0][1]
    assert "give --k-shot" in read(path, dataset="visa")[1][0][1]
    runs, rejected = read(path, dataset="visa", k_shot=4, seed=7, method="mine", experiment="e")
    assert not rejected
    assert {(run.dataset, run.k_shot, run.seed, run.method, run.variant) for run in runs} == {
        ("visa", 4, 7, "mine", "baseline")
    }


def test_all_training_images_are_no_number_of_shots(tmp_path):
    path = write_metrics(tmp_path, 0, folder=FOLDER.replace("1-shot", "-1-shot"))
    assert "give --k-shot" in read(path)[1][0][1]
    assert {run.k_shot for run in read(path, k_shot=209)[0]} == {209}


@pytest.mark.parametrize("value", [1.5, -0.1, "x", None, True, [0.9], math.nan, math.inf])
def test_a_number_that_cannot_be_an_auroc_is_left_out_alone(tmp_path, value):
    path = write_metrics(tmp_path, 0, change=lambda content: content["bottle"].update(seg_AUROC=value))
    assert anomalydino.recognise(path)
    (cls, seg), [(_, reason)] = read(path)
    assert len(numbers(cls)) == len(numbers(seg, "metal_nut")) == 3
    assert [metric for _, metric, _ in numbers(seg)] == ["aupro", "f1_max"]
    assert reason.startswith("seg_AUROC of bottle is")


@pytest.mark.parametrize(
    "content", [b'{"bottle": {"seg_AUROC": NaN}}', b'{"bottle": {"seg_AUROC": 0.9', b"", b"\xff\xfe"]
)
def test_a_broken_file_is_refused_by_name_with_the_reason(tmp_path, content):
    path = write_metrics(tmp_path, 0)
    path.write_bytes(content)
    outcome = ingest(path, db="d.duckdb")
    [(rejected, reason)] = outcome.rejected
    assert rejected == path
    assert reason


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",1.25000,0.03125\r\nbottle,good/001", "\r\nbottle,good/001", "has 3 cells"),
        ("Inference_Time", "Anomaly_Score", "same name"),
    ],
)
def test_broken_times_are_refused_whole(tmp_path, old, new, reason):
    path = write_times(tmp_path, 0, change=lambda text: text.replace(old, new, 1))
    runs, [(_, told)] = read(path, seed=0)
    assert not runs
    assert reason in told


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("good/001.png", "good/000.png", "two images are called"),
        ("good/000.png,0", "good/000.png,-0", "Anomaly_Score of bottle good/000.png is"),
        ("good/000.png,0", "good/000.png,nan", "Anomaly_Score of bottle good/000.png is"),
    ],
)
def test_a_broken_object_is_left_out_and_the_others_are_taken(tmp_path, old, new, reason):
    [run], [(_, told)] = read(write_times(tmp_path, 0, change=lambda text: text.replace(old, new, 1)), seed=0)
    assert list(run.categories) == ["metal_nut"]
    assert reason in told


def test_a_bad_time_costs_its_stage_alone(tmp_path):
    [run], [(_, reason)] = read(write_times(tmp_path, 0, change=lambda text: text.replace("0.03125", "nan", 1)), seed=0)
    assert reason == "Inference_Time of bottle good/000.png is 'nan', not a number"
    assert run.categories["bottle"].timings == {"memory_bank": 1.25}
    assert numbers(run)["memory", "auroc", "exact"] == pytest.approx(auroc(samples(0)["bottle"]), abs=1e-3)


def labelled(seed, label):
    """Scores with a column Label, as a fork writes them: folders good and good_test are normal."""
    random = np.random.default_rng(seed)
    folders = ["good"] * 10 + ["good_test"] * 10 + ["bad"] * 12
    rows = [
        (f"{folder}/{i:03d}.png", random.normal(0.2 + 0.1 * (folder == "bad"), 0.05), label(folder))
        for i, folder in enumerate(folders)
    ]
    text = "Object,Sample,Anomaly_Score,MemoryBank_Time,Inference_Time,Label\r\n"
    return text + "".join(f"screw,{image},{score:.5f},3.1,0.2,{label}\r\n" for image, score, label in rows), rows


def test_the_labels_of_a_file_count_and_a_folder_that_they_contradict_is_said(tmp_path):
    text, rows = labelled(0, lambda folder: int(folder == "bad"))
    path = tmp_path / "measurements_seed=3.csv"
    path.write_text(text)
    [run], rejected = read(path, dataset="mine", k_shot=8)
    assert not rejected
    assert (run.seed, run.categories["screw"].labels.sum()) == (3, 12)
    wanted = roc_auc_score([label for _, _, label in rows], [float(f"{score:.5f}") for _, score, _ in rows])
    assert numbers(run, "screw")["memory", "auroc", "exact"] == pytest.approx(wanted, abs=1e-12)
    [note] = run.notes
    assert str(path) in note
    assert "good_test" in note


def test_labels_that_agree_with_the_folders_are_not_worth_a_word(tmp_path):
    path = tmp_path / "measurements_seed=3.csv"
    path.write_text(labelled(0, lambda _folder: "")[0])
    [run], _ = read(path, dataset="mine", k_shot=8)
    assert run.categories["screw"].labels.sum() == 22
    path.write_text(labelled(0, lambda folder: folder != "good")[0])
    [other], rejected = read(path, dataset="mine", k_shot=8)
    assert (other.notes, rejected) == ([], [])
    assert other.categories["screw"].labels.tolist() == run.categories["screw"].labels.tolist()


def test_a_label_that_is_none_costs_its_object(tmp_path):
    path = tmp_path / "measurements_seed=3.csv"
    path.write_text(labelled(0, lambda folder: 2 if folder == "good_test" else 0)[0])
    runs, [(_, reason)] = read(path, dataset="mine", k_shot=8)
    assert not runs
    assert "Label of screw good_test/010.png is '2'" in reason


def test_percents_are_refused_with_the_way_to_fix_them(tmp_path):
    path = write_metrics(
        tmp_path,
        0,
        change=lambda content: [row.update(seg_AUROC=96.25) for row in content.values() if isinstance(row, dict)],
    )
    (_, seg), [(_, reason)] = read(path)
    assert reason == "the numbers of seg_AUROC look like percents; fractions are expected: divide by 100"
    assert [metric for _, metric, _ in numbers(seg)] == ["aupro", "f1_max"]


def test_the_method_is_assumed_where_neither_the_folders_nor_the_option_tell_it(tmp_path):
    inside, outside = write_metrics(tmp_path, 0), write_metrics(tmp_path, 0, folder="somewhere")
    assert {(run.selection, *run.assumed) for run in read(inside)[0]} == {("none",)}
    options = {"dataset": "visa", "k_shot": 4}
    assert {(run.selection, *run.assumed) for run in read(outside, **options)[0]} == {("none", "method")}
    assert {(run.selection, *run.assumed) for run in read(outside, **options, method="x")[0]} == {("unknown",)}


def test_models_resolutions_and_preprocessing_are_runs_of_their_own(tmp_path):
    folders = [
        f"work/results_MVTec/{model}/1-shot_preprocess={how}"
        for model in ("dinov2_vits14_448", "dinov2_vits14_672")
        for how in ("agnostic", "force_no_mask")
    ]
    paths = [
        write_metrics(tmp_path, seed, folder=folder, name="metrics_seed=0.json") for seed, folder in enumerate(folders)
    ]
    runs, rejected = read(*paths)
    assert not rejected
    assert len({(run.variant, run.fingerprint()) for run in runs if run.task == "cls"}) == 4


def test_hostile_names_stay_names(tmp_path):
    hostile = "<script>alert(1)</script>"
    path = write_metrics(tmp_path, 0, change=lambda content: content.update({hostile: {"classification_AUROC": 0.5}}))
    (cls, _), rejected = read(path)
    assert not rejected
    assert hostile in cls.categories


def test_other_json_is_not_recognised(tmp_path):
    path = tmp_path / "other.json"
    for text in ('{"a": {"b": 1}}', "[]", '{"mean_au_pro": 0.9}', "{"):
        path.write_text(text)
        assert not anomalydino.recognise(path)
