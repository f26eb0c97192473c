"""A run of one's own: started in six lines, scored exactly, safe on disk, found in the database."""

import logging
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from promptad_db import ingest, open_db, run_folder, start_run
from promptad_db.errors import InputError, PromptadError, UsageError
from promptad_db.metrics import render
from promptad_db.records import Render

CLS = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 111, "method": "mine"}
SEG = CLS | {"task": "seg"}
IMAGES = [f"crack/{index:03d}.png" for index in range(6)]
LABELS = np.array([0, 1, 0, 1, 1, 0])
MASKS = np.zeros((6, 20, 16), dtype=bool)
MASKS[LABELS == 1, 4:12, 3:9] = True
SCORES = {"semantic": np.random.default_rng(0).random(6), "memory": np.random.default_rng(1).random(6)}
MAPS = {name: np.random.default_rng(seed).random((6, 5, 4)).astype(np.float32) for seed, name in enumerate(SCORES)}


class Tensor:
    """What torch gives: no array, no list, but something that numpy can make an array of."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)


def logged(branches, task=SEG, **arguments):
    """The category that a run made of these arguments, read back from its folder."""
    truth = {"masks": MASKS} if task is SEG else {"labels": LABELS}
    settings = {name: arguments.pop(name) for name in ("render", "fusions") if name in arguments}
    with start_run(**task, **settings, db=False) as run:
        run.log_category("carpet", **({"images": IMAGES, "branches": branches} | truth | arguments))
    return run_folder.read_category(run.folder, "carpet")


def value_of(result, level, branch):
    return next(one.value for one in result.metrics if (one.level, one.branch, one.metric) == (level, branch, "auroc"))


def test_six_lines_make_a_run_that_the_database_knows():
    with start_run(dataset="mvtec", task="cls", k_shot=1, seed=111, method="mine") as run:
        run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)
    rows = open_db().query(
        "SELECT category, branch, provenance, value FROM metrics JOIN runs USING (run_id)"
        " WHERE metric = 'auroc' AND method = 'mine' AND status = 'finished' AND branch IN ('semantic', 'memory')"
    )
    found = {row[1]: row for row in rows.rows}
    assert set(found) == {"semantic", "memory"}
    for branch, scores in SCORES.items():
        assert found[branch][:3] == ("carpet", branch, "exact")
        assert abs(found[branch][3] - roc_auc_score(LABELS, scores)) <= 1e-12
    assert [folder.name for folder in run_folder.find_runs(Path("runs"))] == [run.run_id]


def test_a_run_remembers_what_it_was_started_with():
    with start_run(
        **CLS, experiment="sweep", variant="memory_only", model={"name": "ViT"}, selection="last_epoch", note="try",
        protocol="multi_class", config={"lr": 0.002}, tags=["a", "b"], render=(240, 200), db=False,
    ) as run:  # fmt: skip
        pass
    info = run_folder.read_run(run.folder)
    assert info == run.info
    assert (info.experiment, info.variant, info.selection, info.protocol) == (
        "sweep",
        "memory_only",
        "last_epoch",
        "multi_class",
    )
    assert (info.model, info.config, info.tags, info.note) == ({"name": "ViT"}, {"lr": 0.002}, ("a", "b"), "try")
    assert info.render == Render(240, 200, "bilinear", 4.0)
    assert info.status == "finished"
    assert info.created_at <= info.finished_at
    assert info.environment["packages"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    "given",
    [
        [list(MAPS["semantic"]), list(MAPS["memory"])],
        [MAPS["semantic"][:, None], MAPS["memory"][:, None]],
        [list(MAPS["semantic"][:, None]), Tensor(MAPS["memory"][:, None])],
        [MAPS["semantic"].tolist(), MAPS["memory"].astype(np.float64)],
        [[Tensor(one) for one in MAPS["semantic"]], tuple(MAPS["memory"])],
    ],
    ids=[
        "lists of arrays",
        "a channel",
        "lists with a channel, tensors",
        "nested lists, doubles",
        "lists of tensors, tuples",
    ],
)
def test_maps_are_taken_in_every_shape_that_a_model_gives_them(given):
    truth = {"masks": [Tensor(mask[None].astype(np.uint8) * 255) for mask in MASKS]}
    result = logged(dict(zip(MAPS, given, strict=True)), **truth)
    for branch, maps in MAPS.items():
        assert np.array_equal(result.maps[branch], maps)
        assert np.array_equal(result.scores[branch], maps.max(axis=(1, 2)).astype(np.float64))
    assert np.array_equal(result.masks, MASKS)
    assert result.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "labels", [LABELS.tolist(), LABELS.astype(bool), LABELS.astype(float), Tensor(LABELS), tuple(LABELS)]
)
def test_labels_are_taken_in_every_type(labels):
    assert logged(SCORES, CLS, labels=labels).labels.tolist() == LABELS.tolist()


def test_scores_are_kept_to_the_last_bit():
    result = logged(SCORES | {"half": np.float16(SCORES["memory"])}, CLS, images=map(Path, IMAGES))
    assert np.array_equal(result.scores["semantic"], SCORES["semantic"])
    assert np.array_equal(result.scores["half"], np.float16(SCORES["memory"]).astype(np.float64))
    assert result.images == IMAGES


@pytest.mark.slow
def test_real_tensors_are_taken_and_one_that_needs_a_gradient_is_named():
    torch = pytest.importorskip("torch")
    given = {branch: torch.tensor(maps)[:, None] for branch, maps in MAPS.items()}
    assert np.array_equal(logged(given, masks=torch.tensor(MASKS)).maps["memory"], MAPS["memory"])
    scores = {"semantic": list(torch.tensor(SCORES["semantic"]))}
    assert np.array_equal(logged(scores, CLS).scores["semantic"], SCORES["semantic"])
    with pytest.raises(InputError, match="category 'carpet': branch 'semantic'"):
        logged({"semantic": torch.zeros(6, requires_grad=True)}, CLS)


@pytest.mark.slow
def test_a_tensor_in_bfloat16_keeps_its_values():
    torch = pytest.importorskip("torch")
    maps = torch.tensor(MAPS["memory"]).bfloat16()
    assert np.array_equal(logged({"memory": maps}).maps["memory"], maps.float().numpy())
    with pytest.raises(InputError, match=r"branch 'memory' is not an array \(.*meta"):
        logged({"memory": maps.to("meta")})


CLOSE = 1 - np.random.default_rng(5).random((6, 5, 4)) * 1e-8


def test_doubles_that_float32_would_merge_are_kept_and_ranked_as_doubles():
    assert np.unique(CLOSE.astype(np.float32)).size < np.unique(CLOSE).size
    given = {"semantic": CLOSE, "memory": MAPS["memory"], "doubles": MAPS["memory"].astype(np.float64)}
    result = logged(given, render=Render(20, 16, "bilinear", 1.0))
    assert np.array_equal(result.maps["semantic"], CLOSE)
    assert [maps.dtype for maps in result.maps.values()] == [np.float64, np.float32, np.float32]
    rendered = render(CLOSE, 20, 16, gaussian_sigma=1.0)
    assert rendered.dtype == np.float64
    assert abs(value_of(result, "pixel", "semantic") - roc_auc_score(MASKS.ravel(), rendered.ravel())) <= 1e-12
    assert abs(value_of(result, "image", "semantic") - roc_auc_score(LABELS, CLOSE.max(axis=(1, 2)))) <= 1e-12
    fused = np.maximum(CLOSE, MAPS["memory"])
    rendered = render(fused, 20, 16, gaussian_sigma=1.0)
    assert abs(value_of(result, "pixel", "max") - roc_auc_score(MASKS.ravel(), rendered.ravel())) <= 1e-12


def test_whole_numbers_that_float32_would_merge_stay_apart():
    maps = 2**24 + np.arange(120).reshape(6, 5, 4)
    assert np.array_equal(logged({"memory": maps}).maps["memory"], maps)
    assert logged({"memory": maps - 2**24}).maps["memory"].dtype == np.float32


@pytest.mark.parametrize("constant", [0.1, 0.7, 1 / 3, -2.3, 1e-5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_maps_rank_nothing_and_say_so(constant, dtype):
    result = logged({"memory": np.full((6, 15, 15), constant, dtype)})
    for one in result.metrics:
        assert "all scores are equal" in one.note
        assert (one.ci_low, one.ci_high) == (None, None)
    assert value_of(result, "pixel", "memory") == value_of(result, "image", "memory") == 0.5


def test_scores_that_differ_say_nothing_of_the_kind():
    assert {one.note for one in logged(SCORES, CLS, fusions=()).metrics if one.branch in SCORES} == {None}


def test_masks_may_be_files_of_one_size_and_say_where_half_grey_decided(tmp_path):
    for index in np.flatnonzero(LABELS):
        Image.fromarray(MASKS[index]).save(tmp_path / f"{index}.png")
    files = [tmp_path / f"{index}.png" if label else None for index, label in enumerate(LABELS)]
    result = logged(MAPS, masks=files)
    assert np.array_equal(result.masks, MASKS)
    assert result.thresholded is None
    assert value_of(result, "pixel", "memory") == value_of(logged(MAPS), "pixel", "memory")
    grey = Image.fromarray(np.where(MASKS[1], 250, 3).astype(np.uint8))
    grey.save(tmp_path / "1.png")
    result = logged(MAPS, masks=[str(file) if file else None for file in files])
    assert np.array_equal(result.masks, MASKS)
    assert result.thresholded.tolist() == [False, True, False, False, False, False]
    notes = {one.level: one.note for one in result.metrics if one.branch == "memory"}
    assert notes == {"image": None, "pixel": "1 masks hold greys, read as anomalous above half grey"}
    grey.resize((8, 8)).save(tmp_path / "1.png")
    with pytest.raises(InputError, match="category 'carpet': masks is not an array"):
        logged(MAPS, masks=files)
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=rf"category 'carpet': {tmp_path / '1.png'}: not a readable image"):
        logged(MAPS, masks=files)


@pytest.mark.parametrize("prefix", ["/data/mvtec/carpet/test/", "./", "C:\\mvtec\\carpet\\test\\", "carpet/test/"])
def test_an_image_has_one_name_by_whatever_path_it_was_found(prefix):
    images = [f"{prefix}{image}".replace("/", "\\" if "\\" in prefix else "/") for image in IMAGES]
    assert logged(SCORES, CLS, images=images).images == IMAGES


def test_maps_as_large_as_the_masks_are_scored_as_they_are():
    maps = np.random.default_rng(2).random(MASKS.shape).astype(np.float32)
    with start_run(**SEG, db=False) as run:
        result = run.log_category("carpet", images=IMAGES, branches={"semantic": maps}, masks=MASKS)
    assert run_folder.read_run(run.folder).render == Render(20, 16, "none", 0.0)
    assert abs(value_of(result, "pixel", "semantic") - roc_auc_score(MASKS.ravel(), maps.ravel())) <= 1e-12


def test_smaller_maps_are_rendered_at_the_size_of_the_masks_with_sigma_4():
    with start_run(**SEG, db=False) as run:
        result = run.log_category("carpet", images=IMAGES, branches=MAPS, masks=MASKS)
    assert run_folder.read_run(run.folder).render == Render(20, 16, "bilinear", 4.0)
    rendered = render(MAPS["memory"], 20, 16, gaussian_sigma=4.0)
    assert abs(value_of(result, "pixel", "memory") - roc_auc_score(MASKS.ravel(), rendered.ravel())) <= 1e-12


def test_all_maps_are_rendered_where_only_some_are_as_large_as_the_masks():
    maps = {"semantic": np.random.default_rng(2).random(MASKS.shape).astype(np.float32), "memory": MAPS["memory"]}
    with start_run(**SEG, db=False) as run:
        run.log_category("carpet", images=IMAGES, branches=maps, masks=MASKS)
    assert run_folder.read_run(run.folder).render == Render(20, 16, "bilinear", 4.0)


def test_the_render_settings_that_were_given_are_used():
    with start_run(**SEG, db=False, render=Render(20, 16, "bilinear", 1.0)) as run:
        result = run.log_category("carpet", images=IMAGES, branches=MAPS, masks=MASKS)
    rendered = render(MAPS["memory"], 20, 16, gaussian_sigma=1.0)
    assert abs(value_of(result, "pixel", "memory") - roc_auc_score(MASKS.ravel(), rendered.ravel())) <= 1e-12


def test_a_branch_of_scores_and_one_of_maps_make_a_cls_run():
    result = logged({"semantic": SCORES["semantic"], "memory": MAPS["memory"]}, CLS)
    best = np.maximum(SCORES["semantic"], MAPS["memory"].max(axis=(1, 2)).astype(np.float64))
    assert abs(value_of(result, "image", "max") - roc_auc_score(LABELS, best)) <= 1e-12


def test_defect_types_and_timings_are_kept():
    result = logged(SCORES, CLS, defect_types=["good", "crack", None, "crack", "hole", "good"], timings={"encode": 0.5})
    assert result.defect_types == ["good", "crack", None, "crack", "hole", "good"]
    assert result.timings == {"encode": 0.5}


def test_maps_with_negative_scores_are_taken_without_a_harmonic_fusion():
    result = logged({branch: maps - 0.5 for branch, maps in MAPS.items()})
    values = {one.branch: one.value for one in result.metrics if (one.level, one.metric) == ("pixel", "auroc")}
    assert {branch for branch, value in values.items() if value is not None} == {"semantic", "memory", "max"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_finished_categories_marks_the_run_failed_and_passes_on(error):
    run = start_run(**CLS)

    def work():
        with run:
            run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)
            raise error

    with pytest.raises(error):
        work()
    assert run_folder.read_run(run.folder).status == "failed"
    assert run_folder.list_categories(run.folder) == ["carpet"]
    assert run_folder.read_category(run.folder, "carpet").images == IMAGES
    assert open_db().query("SELECT status, category FROM runs JOIN run_categories USING (run_id)").rows == [
        ("failed", "carpet")
    ]


def test_db_false_leaves_the_database_out():
    with start_run(**CLS, db=False) as run:
        run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)
    assert [path.name for path in Path().iterdir()] == ["runs"]
    assert run_folder.list_categories(run.folder) == ["carpet"]


def test_folders_and_database_go_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPTAD_RUNS", str(tmp_path / "my runs"))
    monkeypatch.setenv("PROMPTAD_DB", str(tmp_path / "deep" / "my.duckdb"))
    with start_run(**CLS) as run:
        pass
    assert run.folder.parent == tmp_path / "my runs"
    assert open_db().query("SELECT run_id FROM runs").rows == [(run.run_id,)]
    assert open_db(tmp_path / "deep" / "my.duckdb").query("SELECT COUNT(*) FROM runs").rows == [(1,)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "my runs"]


def test_arguments_count_more_than_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPTAD_RUNS", str(tmp_path / "not here"))
    monkeypatch.setenv("PROMPTAD_DB", str(tmp_path / "nor here.duckdb"))
    with start_run(**CLS, runs=tmp_path / "runs", db=tmp_path / "a.duckdb") as run:
        pass
    assert run.folder.parent == tmp_path / "runs"
    assert open_db(tmp_path / "a.duckdb").query("SELECT run_id FROM runs").rows == [(run.run_id,)]
    assert not (tmp_path / "not here").exists()


HOLD = """
import sys
from pathlib import Path
from promptad_db.storage.lock import locked
with locked(Path(sys.argv[1]), exclusive=True):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_locked_database_keeps_the_run_folder_and_the_line_that_is_printed_finishes_the_job(
    tmp_path, monkeypatch, caplog, cli
):
    database = tmp_path / "my results.duckdb"
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.2")
    holder = [sys.executable, "-c", HOLD, str(database)]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with caplog.at_level(logging.WARNING, "promptad_db"), start_run(**CLS, runs="my runs", db=database) as run:
            run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)
        process.stdin.close()
    assert run_folder.read_run(run.folder).status == "finished"
    assert run_folder.list_categories(run.folder) == ["carpet"]
    assert "locked by another process" in caplog.text
    assert not database.exists()
    line = next(line.strip() for line in caplog.text.splitlines() if "promptad-db ingest" in line)
    answer = cli(*shlex.split(line)[1:])
    assert answer.code == 0
    assert open_db(database).query("SELECT run_id FROM runs").rows == [(run.run_id,)]


def test_a_database_of_somebody_else_keeps_the_run_folder_too(tmp_path, caplog):
    (tmp_path / "promptad.duckdb").write_text("not a database")
    with start_run(**CLS) as run:
        run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)
    assert run_folder.list_categories(run.folder) == ["carpet"]
    assert f"promptad-db ingest {run.folder}" in caplog.text


def test_a_category_that_was_damaged_before_the_end_is_said_to_be_missing(caplog):
    with start_run(**CLS) as run:
        run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)
        run.log_category("grid", images=IMAGES, labels=LABELS, branches=SCORES)
        (run.folder / "grid" / "images.parquet").write_bytes(b"PAR1")
    assert open_db().query("SELECT category FROM run_categories").rows == [("carpet",)]
    assert "grid" in caplog.text


@pytest.mark.parametrize(("name", "value"), [("task", "det"), ("selection", "luck"), ("protocol", "two_class")])
def test_a_task_selection_or_protocol_that_does_not_exist_is_refused_before_anything_is_made(name, value):
    with pytest.raises(UsageError, match=rf"(?s){name} is '{value}'.*use one of"):
        start_run(**(CLS | {name: value}))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("experiment", ""),
        ("method", ""),
        ("k_shot", -1),
        ("seed", 2**63),
        ("config", {"a": object()}),
        ("config", {"a": np.nan}),
    ],
)
def test_a_run_that_cannot_be_described_is_refused_and_leaves_no_folder(name, value):
    with pytest.raises(PromptadError, match=name):
        start_run(**(CLS | {name: value}))
    assert run_folder.find_runs(Path("runs")) == []
    assert not Path("runs").exists() or list(Path("runs").iterdir()) == []


NAN = np.array([0.1, np.nan, 0.2, 0.3, 0.4, 0.5])
REFUSED = {
    "no branches": (CLS, {"branches": {}}, "no branches"),
    "too few scores": (CLS, {"branches": {"memory": np.zeros(5)}}, r"branch 'memory' has shape \[5\], wanted \[6\]"),
    "two dimensions": (CLS, {"branches": {"memory": np.zeros((6, 4))}}, r"shape \[6, 4\]"),
    "three channels": (SEG, {"branches": {"memory": np.zeros((6, 3, 5, 4))}}, r"shape \[6, 3, 5, 4\]"),
    "empty maps": (SEG, {"branches": {"memory": np.zeros((6, 0, 0))}}, r"shape \[6, 0, 0\]"),
    "ragged maps": (
        SEG,
        {"branches": {"memory": [np.zeros((2, 2))] * 5 + [np.zeros((3, 2))]}},
        "'memory' is not an array",
    ),
    "ragged lists": (SEG, {"branches": {"memory": [[[1.0]], [[1.0, 2.0]]] * 3}}, "'memory' is not an array"),
    "nan": (CLS, {"branches": {"memory": NAN}}, "branch 'memory' holds NaN"),
    "infinity": (CLS, {"branches": {"memory": np.full(6, np.inf)}}, "branch 'memory' holds NaN, infinite"),
    "texts": (CLS, {"branches": {"memory": ["a"] * 6}}, "branch 'memory' holds NaN, infinite or non-numeric"),
    "a missing score": (CLS, {"branches": {"memory": [0.1, None, 0.2, 0.3, 0.4, 0.5]}}, "branch 'memory' holds"),
    "masked scores": (
        CLS,
        {"branches": {"memory": np.ma.masked_array(np.zeros(6), [0, 1, 0, 0, 0, 0])}},
        r"branch 'memory' is not an array \(.*masked",
    ),
    "maps of which one is masked": (
        SEG,
        {"branches": {"memory": [np.ma.masked_less(np.arange(20.0).reshape(5, 4), 1)] * 6}},
        r"branch 'memory' is not an array \(.*masked",
    ),
    "masked labels": (CLS, {"labels": np.ma.masked_equal(LABELS, 0)}, "labels is not an array"),
    "integers beyond doubles": (CLS, {"branches": {"memory": 2**53 + np.arange(6)}}, r"'memory': .* above 2\^53"),
    "negative ones": (CLS, {"branches": {"memory": -(2**53) - np.arange(6)}}, r"'memory': .* above 2\^53"),
    "unsigned ones": (CLS, {"branches": {"memory": np.uint64(2**63) + np.arange(6, dtype=np.uint64)}}, r"above 2\^53"),
    "large Python integers": (CLS, {"branches": {"memory": [10**30 + index for index in range(6)]}}, "object"),
    "objects": (CLS, {"branches": {"memory": np.array([0.1] * 6, dtype=object)}}, "branch 'memory' holds .*object"),
    "complex scores": (CLS, {"branches": {"memory": np.ones(6, complex)}}, "branch 'memory' holds .*complex128"),
    "more digits than doubles": (
        CLS,
        {"branches": {"memory": 1 + np.arange(6) * np.finfo(np.longdouble).eps}},
        "'memory': its scores hold .* float64 would merge",
    ),
    "an empty mask": (
        SEG,
        {"labels": LABELS, "masks": MASKS * 0},
        r"'crack/001\.png' is labelled anomalous, but its mask",
    ),
    "an empty mask of a defect": (
        SEG,
        {"labels": None, "masks": MASKS * 0, "defect_types": ["good", "crack", "ok", "crack", None, "good"]},
        r"'crack/001\.png' is labelled anomalous, but its mask is empty",
    ),
    "white is normal": (SEG, {"labels": None, "masks": ~MASKS}, r"mask of image .* white stood for normal"),
    "maps beyond float32": (CLS, {"branches": {"memory": np.full((6, 2, 2), 1e300)}}, "branch 'memory'"),
    "a branch without a name": (CLS, {"branches": {"": np.zeros(6)}}, "branch"),
    "no images": (CLS, {"images": [], "labels": [], "branches": {"memory": []}}, "wanted"),
    "two images of one name": (CLS, {"images": ["a"] * 6}, "two images are called 'a'"),
    "no labels": (CLS, {"labels": None}, "a cls run needs labels"),
    "too few labels": (CLS, {"labels": [0, 1]}, r"labels have shape \[2\], wanted \[6\]"),
    "labels of two": (CLS, {"labels": [0, 1, 2, 0, 1, 0]}, "labels must be 0"),
    "labels of minus one": (CLS, {"labels": [-1, 1, 1, -1, 1, 1]}, "labels must be 0"),
    "labels that are words": (CLS, {"labels": ["good", "bad"] * 3}, "labels must be 0"),
    "labels that are digits": (CLS, {"labels": ["0", "1"] * 3}, "labels must be 0"),
    "labels that are missing": (CLS, {"labels": [0, 1, None, 0, 1, 0]}, "labels must be 0"),
    "seg without maps": (SEG, {"branches": SCORES}, "a seg run needs anomaly maps"),
    "seg without masks": (SEG, {"masks": None}, "a seg run needs masks"),
    "too few masks": (SEG, {"masks": MASKS[:5]}, r"masks have shape \[5, 20, 16\], wanted \[6, H, W\]"),
    "grey masks": (SEG, {"masks": MASKS * 128}, "masks must be 0"),
    "masks without pixels": (SEG, {"masks": np.zeros((6, 0, 0))}, "masks|rendered size"),
    "a normal image with a mask": (SEG, {"labels": [0, 0, 0, 1, 1, 0]}, r"'crack/001\.png' is labelled normal"),
    "too few defect types": (CLS, {"defect_types": ["good"]}, "6 images, but 1 defect types"),
    "defect types that are numbers": (CLS, {"defect_types": [0, 1, 0, 1, 1, 0]}, "defect types"),
    "seconds that are none": (CLS, {"timings": {"encode": float("nan")}}, "encode"),
    "seconds below zero": (CLS, {"timings": {"encode": -1.0}}, "encode"),
    "seconds in words": (CLS, {"timings": {"encode": "soon"}}, "encode"),
}


@pytest.mark.parametrize(("task", "arguments", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_the_category_and_nothing_is_written(task, arguments, reason):
    given = {"images": IMAGES, "branches": MAPS, "labels": LABELS, **({"masks": MASKS} if task is SEG else {})}
    with start_run(**task, db=False) as run:
        before = run_folder.read_run(run.folder)
        with pytest.raises(InputError, match=f"category 'metal_nut': .*{reason}"):
            run.log_category("metal_nut", **(given | arguments))
        assert [path.name for path in run.folder.iterdir()] == ["run.json"]
        assert run_folder.read_run(run.folder) == before


def test_masks_of_another_size_than_those_of_the_first_category_are_refused():
    with start_run(**SEG, db=False) as run:
        run.log_category("carpet", images=IMAGES, branches=MAPS, masks=MASKS)
        with pytest.raises(InputError, match=r"(?s)category 'grid': masks are 20 x 20, .* 20 x 16.*resize the masks"):
            run.log_category("grid", images=IMAGES, branches=MAPS, masks=np.pad(MASKS, ((0, 0), (0, 0), (2, 2))))
    assert run_folder.list_categories(run.folder) == ["carpet"]


def test_a_first_category_that_was_refused_does_not_settle_the_size_of_the_next():
    with start_run(**SEG, db=False) as run:
        with pytest.raises(InputError, match="labelled normal"):
            run.log_category("carpet", images=IMAGES, branches=MAPS, masks=MASKS, labels=np.zeros(6))
        run.log_category("carpet", images=IMAGES, branches=MAPS, masks=MASKS[:, ::2, ::2])
    assert run_folder.read_run(run.folder).render == Render(10, 8, "bilinear", 4.0)


def test_a_category_is_logged_once():
    with start_run(**CLS, db=False) as run:
        run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)
        with pytest.raises(InputError, match=r"carpet.*logged already"):
            run.log_category("carpet", images=IMAGES, labels=LABELS, branches=SCORES)


def test_one_class_alone_is_logged_without_numbers_and_with_the_reason():
    result = logged(SCORES, CLS, labels=np.zeros(6))
    assert {one.value for one in result.metrics} == {None}
    assert all(one.note for one in result.metrics)


def test_runs_started_together_have_folders_of_their_own():
    runs = [start_run(**CLS, db=False) for _ in range(5)]
    assert len({run.folder for run in runs}) == 5
    assert {run_folder.read_run(run.folder).status for run in runs} == {"running"}


@pytest.mark.parametrize("place", ["runs\udcff", "runs\0x"])
def test_a_place_of_runs_that_is_no_utf8_is_refused_by_name(place):
    for call in (
        lambda: start_run(dataset="mvtec", task="cls", k_shot=1, seed=1, method="m", runs=place),
        lambda: ingest(Path(), runs=place),
    ):
        with pytest.raises(UsageError, match="not a path in UTF-8"):
            call()


def test_the_report_says_that_scores_are_constant(cli):
    for category, level in (("carpet", 0.7), ("grid", None)):
        with start_run(**SEG, experiment="e") as run:
            flat = MAPS["semantic"] if level is None else np.full_like(MAPS["semantic"], level)
            run.log_category(category, images=IMAGES, branches={**MAPS, "semantic": flat}, masks=MASKS)
    said = "1 of 2 cells: all scores of a branch are equal; its AUROC is 0.5 by ties alone"
    assert said in cli("report").err
    assert "all scores" not in cli("report", "--category", "grid").err
    assert "all scores" not in cli("report", "--branches", "memory,max").err
