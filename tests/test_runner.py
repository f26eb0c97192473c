"""The detector over a dataset: exact, shared between runs, resumable, and never testing a support image."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import reference_promptad as reference
import torch
from PIL import Image

from promptad_db import open_db, run_folder
from promptad_db.datasets import open_dataset
from promptad_db.datasets.images import read_image
from promptad_db.datasets.synthetic import write_dataset
from promptad_db.errors import InputError, InterruptedRunError, UsageError
from promptad_db.model.words import load_vocabulary
from promptad_db.records import Render
from promptad_db.runner import Backbone, Callbacks, Request, Training, run

CATEGORIES = ("leather", "nut")


@pytest.fixture
def request_of(pictures, small_clip):
    """A small request; keyword arguments change it."""

    def make(**changes):
        arguments = {
            "dataset": "synthetic",
            "data_root": pictures,
            "backbone": Backbone(small_clip, "random", "cpu"),
            "training": Training(epochs=3),
            "render": Render(60, 60),
            "batch_size": 4,
        }
        return Request(**{**arguments, **changes})

    return make


def results(outcome):
    """Every category of every run: {(task, K, seed, variant, category): CategoryResult}."""
    found = {}
    for folder in outcome.folders:
        info = run_folder.read_run(folder)
        for category in run_folder.list_categories(folder):
            key = (info.task, info.k_shot, info.seed, info.variant, category)
            found[key] = run_folder.read_category(folder, category)
    return found


def assert_same(one, other):
    assert set(one) == set(other)
    for key, result in one.items():
        assert result.metrics == other[key].metrics
        assert result.images == other[key].images
        for name, scores in result.scores.items():
            assert np.array_equal(scores, other[key].scores[name])
        for name, maps in result.maps.items():
            assert np.array_equal(maps, other[key].maps[name])


def quiet():
    return Callbacks(note=lambda _text: None)


def test_a_pass_makes_a_run_for_every_combination_and_indexes_it(request_of):
    cells = []
    outcome = run(request_of(k_shots=(1, 2)), callbacks=Callbacks(cell=cells.append))
    assert len(outcome.folders) == 4
    assert outcome.cells == len(cells) == 8
    rows = open_db().query(
        "SELECT DISTINCT k_shot, task, status, provenance, selection FROM runs JOIN metrics USING (run_id) ORDER BY 1, 2"
    )
    assert rows.rows == [
        (k_shot, task, "finished", "exact", "last_epoch") for k_shot in (1, 2) for task in ("cls", "seg")
    ]
    gaps = open_db().query("SELECT COUNT(*) FROM branch_gap WHERE gap IS NOT NULL").rows
    assert gaps == [(8,)]
    stored = open_db().query(
        "SELECT auroc FROM branch_auroc WHERE branch = 'memory' AND category = :category AND k_shot = 1 AND task = 'seg'",
        category=cells[0].category,
    )
    assert stored.rows == [(next(cell for cell in cells if cell.setting.task == "seg").aurocs["memory"],)]


def test_scores_equal_a_plain_implementation_of_the_whole_method(request_of, encoder, pictures):
    outcome = run(request_of(categories=("leather",)), db=False)
    category = open_dataset("synthetic", pictures).category("leather")
    config = run_folder.read_run(outcome.folders[0]).config
    shots = [shot for shot in category.train if shot.name in config["shots"]["leather"]]
    assert len(shots) == 1

    def features(images):
        with torch.no_grad():
            return reference.image_features(encoder.model, encoder.preprocess(read_image(one.path) for one in images))

    tested, support = features(category.test), features(shots)
    memory = reference.memory(tested[2:], support[2:]).reshape(-1, *encoder.grid)
    words = load_vocabulary().words_of("leather")
    for (task, *_), result in results(outcome).items():
        generator = torch.Generator().manual_seed(111)
        normal = torch.randn((3 if task == "cls" else 1, 4, 16), generator=generator) * 0.02
        abnormal = torch.randn((4, 1, 16), generator=generator) * 0.02
        place = 0 if task == "cls" else 1
        _, prototypes = reference.train(
            encoder.model, encoder.tokenizer, words.class_name, words.states, support[place], [normal, abnormal],
            encoder.temperature, task, 3,
        )  # fmt: skip
        semantic = reference.semantic(tested[place], prototypes, encoder.temperature)
        if task == "cls":
            assert np.abs(result.scores["semantic"] - semantic.numpy()).max() < 1e-5
            assert np.abs(result.scores["memory"] - memory.amax((1, 2)).numpy()).max() < 1e-5
        else:
            assert np.abs(result.maps["semantic"] - semantic.reshape(-1, *encoder.grid).numpy()).max() < 1e-5
            assert np.abs(result.maps["memory"] - memory.numpy()).max() < 1e-5


def test_a_run_does_not_depend_on_what_else_is_asked_for(request_of):
    alone = results(run(request_of(k_shots=(2,), tasks=("seg",), seeds=(5,)), db=False))
    beside = results(run(request_of(k_shots=(1, 2, 4), seeds=(4, 5), variants=("baseline", "memory_only")), db=False))
    assert_same(alone, {key: beside[key] for key in alone})


def test_an_interrupted_run_goes_on_at_the_next_category(request_of):
    undisturbed = results(run(request_of(k_shots=(1, 2)), runs="undisturbed", db=False))

    def stop(cell):
        if (cell.category, cell.setting.k_shot, cell.setting.task) == ("nut", 1, "cls"):
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="5 cells are finished"):
        run(request_of(k_shots=(1, 2)), callbacks=Callbacks(cell=stop))
    statuses = open_db().query("SELECT status, COUNT(*) FROM runs GROUP BY 1").rows
    assert statuses == [("failed", 4)]
    notes = []
    outcome = run(request_of(k_shots=(1, 2), resume=True), callbacks=Callbacks(note=notes.append))
    assert outcome.cells == 3
    assert len(run_folder.find_runs(run_folder.default_root())) == 4
    assert_same(undisturbed, results(outcome))
    assert any("2 of 2 categories are done already" in note for note in notes)
    assert open_db().query("SELECT DISTINCT status FROM runs").rows == [("finished",)]
    again = run(request_of(k_shots=(1, 2), resume=True), callbacks=quiet())
    assert (again.cells, again.folders) == (0, outcome.folders)


def test_a_run_of_other_settings_is_not_gone_on_with(request_of):
    first = run(request_of(tasks=("cls",)), db=False)
    other = run(request_of(tasks=("cls",), training=Training(epochs=4), resume=True), db=False)
    assert other.folders != first.folders
    assert other.cells == 2


def test_more_categories_extend_a_finished_run(request_of):
    first = run(request_of(tasks=("cls",), categories=("nut",)))
    more = run(request_of(tasks=("cls",), resume=True), callbacks=quiet())
    assert more.folders == first.folders
    assert more.cells == 1
    assert set(run_folder.read_run(more.folders[0]).config["shots"]) == set(CATEGORIES)


def test_an_interrupted_run_is_spoken_of(request_of):
    def stop(_cell):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError):
        run(request_of(tasks=("cls",)), db=False, callbacks=Callbacks(cell=stop))
    notes = []
    run(request_of(tasks=("cls",)), db=False, callbacks=Callbacks(note=notes.append))
    assert any("--resume goes on with it" in note for note in notes)


def test_what_a_killed_process_left_half_written_goes(request_of):
    first = run(request_of(tasks=("cls",), categories=("nut",)), db=False)
    rubbish = first.folders[0] / ".leather.tmp-123456"
    rubbish.mkdir()
    run_folder.update_run(first.folders[0], status="running")
    run(request_of(tasks=("cls",), resume=True), db=False, callbacks=quiet())
    assert not rubbish.exists()
    assert run_folder.list_categories(first.folders[0]) == ["leather", "nut"]


@pytest.mark.parametrize("task", ["cls", "seg"])
def test_saved_prompts_evaluate_to_the_same_numbers(request_of, task):
    trained = run(request_of(tasks=(task,), k_shots=(2,)), db=False)
    again = run(request_of(from_run=trained.folders[0]), db=False)
    assert_same(results(trained), results(again))
    info = run_folder.read_run(again.folders[0])
    assert (info.task, info.k_shot, info.config["from_run"]) == (task, 2, trained.folders[0].name)


VARIANTS = ("baseline", "spatial_prompts", "vision_guided", "memory_only")


def test_all_variants_run_in_one_pass_over_the_images(request_of):
    together = run(request_of(variants=VARIANTS, k_shots=(1, 2)), db=False)
    found = results(together)
    assert {key[3] for key in found} == set(VARIANTS)
    for variant in VARIANTS:
        assert_same(
            results(run(request_of(variants=(variant,), k_shots=(1, 2)), db=False)),
            {key: result for key, result in found.items() if key[3] == variant},
        )
    for (task, k_shot, seed, variant, category), result in found.items():
        same = found[task, k_shot, seed, "baseline", category]
        assert np.array_equal(result.scores["memory"], same.scores["memory"])
        if variant in ("spatial_prompts", "vision_guided"):
            assert not np.array_equal(result.scores["semantic"], same.scores["semantic"])


@pytest.mark.parametrize("variant", ["spatial_prompts", "vision_guided"])
def test_what_a_variant_learned_evaluates_to_the_same_numbers(request_of, variant):
    trained = run(request_of(variants=(variant,), k_shots=(2,), selection="best_on_test"), db=False)
    for folder in trained.folders:
        again = run(request_of(from_run=folder), db=False)
        info, source = run_folder.read_run(again.folders[0]), run_folder.read_run(folder)
        assert_same({key: one for key, one in results(trained).items() if key[0] == info.task}, results(again))
        assert info.config["learned"] == source.config["learned"]


def test_one_local_pair_runs_to_the_numbers_of_the_baseline(request_of, tmp_path):
    path = tmp_path / "one.toml"
    path.write_text('[groups.whole]\nname = "{}"\nstates = []\n')
    found = results(run(request_of(variants=VARIANTS[:2], prompts=path), db=False))
    spatial = {(*key[:3], "baseline", key[4]): one for key, one in found.items() if key[3] == "spatial_prompts"}
    assert_same({key: one for key, one in found.items() if key[3] == "baseline"}, spatial)


def test_saved_prompts_evaluate_other_data(request_of, tmp_path):
    trained = run(request_of(tasks=("seg",), categories=("nut",)), db=False)
    write_dataset(tmp_path / "other", seed=9, categories=("nut",), train=1, test_good=2, test_per_defect=1)
    other = run(request_of(from_run=trained.folders[0], data_root=tmp_path / "other"), db=False)
    assert len(next(iter(results(other).values())).images) == 6
    with pytest.raises(InputError, match="has no category 'leather'"):
        run(request_of(from_run=trained.folders[0]), db=False)


def test_saved_prompts_of_another_backbone_are_refused(request_of, small_clip):
    trained = run(request_of(tasks=("cls",), categories=("nut",)), db=False)
    with pytest.raises(InputError, match="made with memory_tap public, not block_output"):
        run(
            request_of(
                from_run=trained.folders[0],
                backbone=Backbone(small_clip, "random", "cpu", memory_tap="block_output"),
            ),
            db=False,
        )


@pytest.mark.parametrize("damage", [b"", b"not safetensors"])
def test_damaged_prompts_are_refused_by_name(request_of, damage):
    trained = run(request_of(tasks=("cls",), categories=("nut",)), db=False)
    path = trained.folders[0] / "nut" / "weights.safetensors"
    path.write_bytes(damage)
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        run(request_of(from_run=trained.folders[0], categories=("nut",)), db=False)
    path.unlink()
    (path.parent / "manifest.json").unlink()
    with pytest.raises(InputError, match="only runs of promptad-db run"):
        run(request_of(from_run=trained.folders[0], categories=("nut",)), db=False)


@pytest.mark.parametrize("task", ["cls", "seg"])
def test_best_on_test_is_at_least_the_last_epoch_and_recorded(request_of, task):
    def fused(selection):
        outcome = run(request_of(tasks=(task,), categories=("nut",), selection=selection), db=False)
        assert run_folder.read_run(outcome.folders[0]).selection == selection
        metrics = next(iter(results(outcome).values())).metrics
        level = "image" if task == "cls" else "pixel"
        return next(one.value for one in metrics if (one.level, one.branch, one.metric) == (level, "harmonic", "auroc"))

    assert fused("best_on_test") >= fused("last_epoch")


def test_memory_only_does_no_text_work_and_finds_the_same_memory(request_of):
    baseline = results(run(request_of(), db=False))
    outcome = run(request_of(variants=("memory_only",)), db=False)
    memory = results(outcome)
    for (task, k_shot, seed, _, category), result in memory.items():
        assert set(result.scores) == {"memory"}
        assert not {"train", "text", "encode_semantic"} & set(result.timings)
        same = baseline[task, k_shot, seed, "baseline", category]
        assert np.array_equal(result.scores["memory"], same.scores["memory"])
    assert set(run_folder.read_category_weights(outcome.folders[0], "nut")) == {
        "gallery_1",
        "gallery_2",
        "shots_memory",
        "neighbour_margin",
    }
    assert run_folder.read_run(outcome.folders[0]).selection == "none"


def test_the_shots_own_scores_leave_each_patch_out_of_its_gallery(request_of):
    for task, shape in (("cls", (2,)), ("seg", (2, 3, 3))):
        folder = run(request_of(tasks=(task,), k_shots=(2,), categories=("nut",)), db=False).folders[0]
        weights = run_folder.read_category_weights(folder, "nut")
        assert weights["shots_semantic"].shape == weights["shots_memory"].shape == shape
        distances = []
        for gallery in (weights["gallery_1"], weights["gallery_2"]):
            similar = gallery.reshape(18, -1) @ gallery.reshape(18, -1).T
            np.fill_diagonal(similar, -1)
            distances.append((1 - similar.max(1)) / 2)
        maps = np.mean(distances, axis=0).reshape(2, 3, 3)
        wanted = maps if task == "seg" else maps.max((1, 2))
        assert np.abs(weights["shots_memory"] - wanted).max() < 1e-6
        assert run_folder.read_run(folder).config["learned"] == {"nut": {"epoch": 3}}


def test_the_stages_are_timed(request_of):
    for (task, *_), result in results(run(request_of(), db=False)).items():
        wanted = {"encode", "encode_semantic", "shots", "train", "text", "memory", "fuse", "metrics"}
        assert set(result.timings) == wanted | ({"render"} if task == "seg" else set())
        assert all(seconds > 0 for seconds in result.timings.values())
        assert result.timings["encode_semantic"] < result.timings["encode"]


def test_a_support_image_in_the_test_set_is_not_tested(request_of, pictures, tmp_path):
    leaky = tmp_path / "leaky"
    shutil.copytree(pictures, leaky)
    shots = run_folder.read_run(run(request_of(), db=False).folders[0]).config["shots"]["nut"]
    shutil.copy(leaky / "nut" / shots[0], leaky / "nut" / "test" / "good" / "leak.png")
    notes = []
    outcome = run(request_of(data_root=leaky), db=False, callbacks=Callbacks(note=notes.append))
    for result in results(outcome).values():
        assert "good/leak.png" not in result.images
    assert any("good/leak.png" in note for note in notes)
    info = run_folder.read_run(outcome.folders[0])
    assert info.config["left_out_of_test"] == {"nut": ["good/leak.png"]}


def test_shots_come_from_a_file(request_of, tmp_path):
    chosen = {name: ["003.png", "001.png"] for name in CATEGORIES}
    (tmp_path / "shots.json").write_text(json.dumps(chosen))
    outcome = run(request_of(k_shots=(2,), tasks=("cls",), shots_file=tmp_path / "shots.json"), db=False)
    info = run_folder.read_run(outcome.folders[0])
    assert info.config["shots"]["nut"] == ["train/good/003.png", "train/good/001.png"]


def test_cached_features_give_the_same_numbers_and_a_broken_one_is_made_again(request_of, tmp_path):
    plain = results(run(request_of(), db=False))
    cache = tmp_path / "cache"
    first = results(run(request_of(feature_cache=cache), db=False))
    kept = sorted(cache.rglob("*.safetensors"))
    times = [path.stat().st_mtime_ns for path in kept]
    kept[3].write_bytes(b"broken")
    second = results(run(request_of(feature_cache=cache), db=False))
    assert_same(plain, first)
    assert_same(plain, second)
    again = [path.stat().st_mtime_ns for path in sorted(cache.rglob("*.safetensors"))]
    assert len(again) == len(times)
    assert 1 <= sum(one != other for one, other in zip(times, again, strict=True)) <= 4
    key = next(key for key in first if key[0] == "seg")
    assert second[key].timings["encode"] > 0


def test_rendered_max_is_the_maximum_of_the_upsampled_map(request_of):
    grid = results(run(request_of(tasks=("cls",)), db=False))
    rendered = results(run(request_of(tasks=("cls",), image_score="rendered_max"), db=False))
    for key, result in rendered.items():
        assert (result.scores["memory"] <= grid[key].scores["memory"] + 1e-7).all()
        assert not np.array_equal(result.scores["memory"], grid[key].scores["memory"])


def test_a_category_of_one_class_has_a_reason_instead_of_a_number(request_of, pictures, tmp_path):
    good = tmp_path / "good"
    shutil.copytree(pictures / "nut", good / "nut")
    for folder in (good / "nut" / "test").iterdir():
        if folder.name != "good":
            shutil.rmtree(folder)
    for selection in ("last_epoch", "best_on_test"):
        for result in results(run(request_of(data_root=good, selection=selection), db=False)).values():
            aurocs = [metric for metric in result.metrics if metric.metric == "auroc"]
            assert aurocs
            assert all(metric.value is None and "the metric is undefined" in metric.note for metric in aurocs)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tasks": ("det",)}, "task is 'det'"),
        ({"variants": ("magic",)}, "use one of baseline, spatial_prompts, vision_guided, memory_only"),
        ({"k_shots": (1, 1)}, "a value twice"),
        ({"selection": "unknown"}, "selection is 'unknown'"),
        ({"training": Training(epochs=0)}, "must be 1 or more"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(request_of, changes, said):
    with pytest.raises(UsageError, match=said):
        request_of(**changes)


def test_too_many_shots_are_refused_before_anything_is_made(request_of):
    with pytest.raises(InputError, match="K = 5"):
        run(request_of(k_shots=(5,)), db=False)
    assert not run_folder.find_runs(run_folder.default_root())


def arguments(small_clip, pictures, *more):
    return (
        "run", "--dataset", "synthetic", "--data-root", pictures, "--model", small_clip, "--pretrained", "random",
        "--epochs", "2", "--resolution", "60", "--category", "nut", *more,
    )  # fmt: skip


def test_the_command_prints_the_run_folders_and_names_the_report(cli, small_clip, pictures):
    answer = cli(*arguments(small_clip, pictures, "--k-shot", "1,2", "--task", "cls", "--experiment", "mine"))
    assert answer.code == 0, answer.err
    folders = answer.out.split()
    assert len(folders) == 2
    assert "synthetic nut K=2 seed=111 cls: semantic " in answer.err
    assert "gap " in answer.err
    assert "next: promptad-db report --experiment mine" in answer.err
    assert cli("report", "--experiment", "mine").code == 0


def test_the_command_checks_data(cli, pictures, tmp_path):
    answer = cli("run", "--dataset", "synthetic", "--data-root", pictures, "--check-data", "--format", "csv")
    assert answer.code == 0
    assert answer.out.splitlines()[1].startswith("synthetic,leather,4,3,5")
    broken = tmp_path / "broken"
    shutil.copytree(pictures, broken)
    next((broken / "nut" / "ground_truth").rglob("*.png")).unlink()
    answer = cli("run", "--dataset", "synthetic", "--data-root", broken, "--check-data")
    assert answer.code == 4
    assert "problem: " in answer.err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--task", "det"), 2, "task is 'det'"),
        (("--memory-layers", "3"), 2, "--memory-layers takes two numbers"),
        (("--memory-layers", "3,40"), 2, "do not fit a model of 12 blocks"),
        (("--category", "unicorn"), 2, "no category 'unicorn'"),
        (("--from", ".", "--k-shot", "2"), 2, "--from takes --k-shot, --epochs from its run"),
        (("--k-shot", "9"), 4, "K = 9"),
    ],
)
def test_the_command_explains_what_it_cannot_do(cli, small_clip, pictures, more, code, said):
    answer = cli(*arguments(small_clip, pictures, *more))
    assert answer.code == code
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_ctrl_c_ends_with_the_line_that_goes_on(cli, small_clip, pictures, monkeypatch):
    from promptad_db.cli import run as command

    def stop(_cell):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "line_of", stop)
    answer = cli(*arguments(small_clip, pictures))
    assert answer.code == 130
    assert "--resume goes on" in answer.err


def test_without_torch_the_command_names_the_extra(pictures):
    program = "import sys; sys.modules['torch'] = None; from promptad_db.cli.main import main; main()"
    words = ["run", "--dataset", "synthetic", "--data-root", str(pictures)]
    answer = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "promptad-db[clip]" in answer.stderr
    answer = subprocess.run(
        [sys.executable, "-c", program, *words, "--check-data"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def masks_below(root):
    return sorted((root / "leather/ground_truth").rglob("*.png"))


def test_lossy_masks_are_read_above_half_grey_and_the_numbers_say_so(request_of, pictures, tmp_path):
    root = shutil.copytree(pictures, tmp_path / "data")
    for path in masks_below(root):
        image = Image.open(path).convert("L")
        image.point(lambda grey: 251 if grey else 3).save(path)
    given = {"tasks": ("seg",), "categories": ("leather",)}
    (sharp,) = results(run(request_of(**given), db=False, runs="sharp")).values()
    (lossy,) = results(run(request_of(**given, data_root=root), db=False, runs="lossy")).values()
    assert np.array_equal(lossy.masks, sharp.masks)
    assert lossy.thresholded.tolist() == (lossy.labels == 1).tolist()
    said = f"{lossy.labels.sum()} masks hold greys, read as anomalous above half grey"
    for one, other in zip(lossy.metrics, sharp.metrics, strict=True):
        assert one.value == other.value
        assert (said in (one.note or "")) is (one.level == "pixel")


@pytest.mark.parametrize("shade", ["empty", "inverted"])
def test_a_mask_that_cannot_be_meant_is_named_before_images_are_encoded(request_of, pictures, tmp_path, shade):
    root = shutil.copytree(pictures, tmp_path / "data")
    path = masks_below(root)[0]
    Image.open(path).convert("L").point(lambda grey: 0 if grey or shade == "empty" else 255).save(path)
    seen = []
    reason = "is empty" if shade == "empty" else "white stood for normal"
    with pytest.raises(InputError, match=f"{path}: .*{reason}"):
        run(request_of(tasks=("seg",), data_root=root), callbacks=Callbacks(lambda *step: seen.append(step)), db=False)
    assert [step for step in seen if "images" in step[0]] == []


def test_image_level_needs_no_masks(request_of, pictures, tmp_path):
    root = shutil.copytree(pictures, tmp_path / "data")
    shutil.rmtree(root / "leather/ground_truth")
    given = {"categories": ("leather",), "data_root": root}
    (result,) = results(run(request_of(tasks=("cls",), **given), db=False)).values()
    assert result.labels.any()
    with pytest.raises(InputError, match="has no mask"):
        run(request_of(tasks=("cls", "seg"), **given), db=False)
