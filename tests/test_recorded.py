"""What a run folder says of a run is what ran: every option is used, refused, or recorded as what it came to."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promptad_db import ingest, run_folder, start_run
from promptad_db.cli.run import run as run_command
from promptad_db.cli.sweep import run as sweep_command
from promptad_db.errors import InputError, PromptadError, UsageError
from promptad_db.metrics import render
from promptad_db.model.clip import ClipEncoder
from promptad_db.records import TASKS, Render
from promptad_db.runner import Backbone, Callbacks, Request, Training, run
from promptad_db.runner.parts import prepare, run_category
from promptad_db.storage.files import sha256_of
from promptad_db.sweeps import Grid, plan_sweep
from promptad_db.sweeps.existing import existing_folders
from promptad_db.sweeps.record import read_record, recording


@pytest.fixture
def request_of(pictures, small_clip):
    """A small request for one cls run of one category; keyword arguments change it."""

    def make(**changes):
        arguments = {
            "dataset": "synthetic",
            "data_root": pictures,
            "categories": ("nut",),
            "tasks": ("cls",),
            "backbone": Backbone(small_clip, "random", "cpu"),
            "training": Training(epochs=2),
            "render": Render(60, 60),
        }
        return Request(**{**arguments, **changes})

    return make


@pytest.fixture
def run_words(small_clip, pictures):
    """The same run as words of the command line, with more words behind them."""

    def make(*more):
        words = ("--model", small_clip, "--pretrained", "random", "--epochs", "2", "--resolution", "60")
        place = ("run", "--dataset", "synthetic", "--data-root", pictures, "--category", "nut", "--task", "cls")
        return (*place, *words, "--device", "cpu", *more)

    return make


def quiet(**heard):
    return Callbacks(**{"note": lambda _text: None, **heard})


def imported(task="cls"):
    """The folder of an imported run of K = 1 and seed 111, which has no rendering."""
    table = [("dataset", "category", "k_shot", "seed", "task", "branch", "image", "label", "score")]
    table += [("synthetic", "nut", 1, 111, task, "memory", f"{index}.png", index % 2, index / 4) for index in range(4)]
    with Path("scores.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    outcome = ingest("scores.csv")
    assert not outcome.rejected
    [folder] = run_folder.find_runs(Path("runs"))
    assert run_folder.read_run(folder).render is None
    return folder


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_starts_beside_an_imported_one_of_the_same_k_seed_and_task(request_of, resume):
    folder = imported()
    before = (folder / "run.json").read_bytes()
    outcome = run(request_of(resume=resume), callbacks=quiet())
    assert (outcome.cells, folder in outcome.folders) == (1, False)
    assert (folder / "run.json").read_bytes() == before


@pytest.mark.parametrize("training", [None, "sgd", [1], {"epochs": 2}])
def test_a_sweep_is_planned_beside_runs_of_other_programs(make_run, pictures, training):
    folder = make_run({"nut": {"memory": 0.5}}, dataset="synthetic", task="cls", config={"training": training})
    grid = Grid("e", {"synthetic": pictures}, ("nut",), ("cls",), options={"epochs": 2})
    assert existing_folders(grid, folder.parent.absolute()) == {}
    assert plan_sweep(grid)[0].result.records()[0]["missing"] == 1


def info_of(outcome):
    [folder] = outcome.folders
    return run_folder.read_run(folder)


def test_tiny_is_recorded_with_the_weights_and_the_precision_that_it_has(request_of, cli, pictures):
    info = info_of(run(request_of(backbone=Backbone("tiny", device="cpu")), db=False))
    assert (info.model["pretrained"], info.config["precision"]) == ("synthetic", "fp32")
    assert ClipEncoder("tiny").weights_sha256 == info.model["weights_sha256"]
    words = (
        "run",
        "--dataset",
        "synthetic",
        "--data-root",
        pictures,
        "--model",
        "tiny",
        "--epochs",
        "1",
        "--task",
        "cls",
    )
    answer = cli(*words, "--category", "nut", "--device", "cpu")
    assert run_folder.read_run(Path(answer.out.strip())).model == info.model


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("pretrained", "random"), ("pretrained", "laion400m_e32"), ("pretrained", "missing.pt"), ("pretrained", ""),
        ("precision", "bf16"), ("precision", "fp16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["run", "sweep", "sweep --dry-run"])
def test_tiny_refuses_weights_and_a_precision_that_it_does_not_take(cli, pictures, command, option, value):
    words = ("--dataset", "synthetic", "--data-root", pictures, "--model", "tiny", "--experiment", "e")
    answer = cli(*command.split(), *words, f"--{option}", value)
    assert answer.code == 2
    assert f"--{option} {value}" in answer.err
    assert not Path("runs").exists() or not run_folder.find_runs(Path("runs"))
    with pytest.raises(UsageError, match="the model tiny"):
        ClipEncoder("tiny", **{option: value})


def test_the_precision_that_is_recorded_is_that_of_the_weights(small_clip, request_of):
    for precision in ("fp32", "bf16"):
        backbone = Backbone(small_clip, "random", "cpu", precision=precision)
        config = info_of(run(request_of(backbone=backbone, variants=("memory_only",)), db=False)).config
        encoder = ClipEncoder(small_clip, precision=precision)
        assert config["precision"] == encoder.precision == precision
        assert (
            str(encoder.model.visual.conv1.weight.dtype)
            == {"fp32": "torch.float32", "bf16": "torch.bfloat16"}[precision]
        )


def test_a_record_of_a_sweep_of_an_older_version_is_read(pictures):
    grid = Grid("e", {"synthetic": pictures}, options={"model": "tiny"})
    with recording(Path("runs").absolute(), grid) as record:
        pass
    text = record.path.read_text()
    assert '"pretrained": "synthetic"' in text
    from promptad_db.storage import files

    content = files.read_sealed(record.path, "")
    content["grid"]["options"] |= {"pretrained": "laion400m_e32", "precision": "bf16"}
    record.path.write_bytes(files.sealed_bytes(content))
    assert read_record(Path("runs").absolute()).grid.options["pretrained"] == "synthetic"


def test_a_run_without_text_records_no_setting_of_text(request_of, tmp_path):
    words = tmp_path / "words.toml"
    words.write_text('general = ["odd {}"]')
    request = request_of(
        variants=("memory_only",), prompts=words, selection="best_on_test",
        backbone=replace(request_of().backbone, temperature=3.0),
    )  # fmt: skip
    info = info_of(run(request, db=False))
    assert [info.config[name] for name in ("training", "contexts", "temperature", "prompts")] == [None] * 4
    assert info.selection == "none"


def test_a_run_without_text_that_an_older_version_began_is_gone_on_with(request_of):
    request = request_of(variants=("memory_only",))
    [folder] = run(request, db=False).folders
    config = run_folder.read_run(folder).config
    run_folder.update_run(folder, status="failed", config={**config, "temperature": 4.6, "prompts": "published"})
    assert run(replace(request, resume=True), db=False, callbacks=quiet()).folders == [folder]


@pytest.mark.parametrize(
    "more",
    [
        ("--epochs", "2"), ("--selection", "last_epoch"), ("--temperature", "3"), ("--prompts", "words.toml"),
        ("--shots-file", "shots.json"), ("--task", "cls"), ("--k-shot", "1"), ("--seed", "111"), ("--variant", "baseline"),
    ],
)  # fmt: skip
def test_what_saved_prompts_cannot_use_is_refused(cli, request_of, small_clip, pictures, more):
    [folder] = run(request_of(), db=False).folders
    Path("words.toml").write_text("")
    Path("shots.json").write_text("{}")
    words = ("run", "--dataset", "synthetic", "--data-root", pictures, "--category", "nut", "--from", folder)
    backbone = ("--model", small_clip, "--pretrained", "random", "--device", "cpu")
    answer = cli(*words, *backbone, *more)
    assert (answer.code, answer.err.splitlines()[0]) == (2, f"error: --from takes {more[0]} from its run")
    answer = cli(*words, *backbone, "--resolution", "60")
    assert answer.code == 0, answer.err


def test_a_request_for_saved_prompts_refuses_what_they_cannot_use(request_of):
    [folder] = run(request_of(), db=False).folders
    assert run(request_of(tasks=("cls", "seg"), from_run=folder), db=False).cells == 1
    for name, value in (
        ("prompts", Path("words.toml")), ("shots_file", Path("shots.json")), ("seeds", (1,)), ("k_shots", (2,)),
        ("tasks", ("cls",)), ("variants", ("memory_only",)), ("selection", "best_on_test"),
        ("backbone", replace(request_of().backbone, temperature=3.0)),
    ):  # fmt: skip
        with pytest.raises(
            UsageError, match=f"--from takes its {'temperature' if name == 'backbone' else name} from its run"
        ):
            request_of(**{"tasks": ("cls", "seg"), "from_run": folder, name: value})


def test_a_folder_that_is_no_run_has_no_saved_prompts(cli, small_clip, pictures):
    words = ("run", "--dataset", "synthetic", "--data-root", pictures, "--model", small_clip, "--from", ".")
    answer = cli(*words)
    assert answer.code == 4
    assert "run.json" in answer.err


def test_a_run_of_saved_prompts_records_what_they_were_made_with(request_of, tmp_path, cli, small_clip, pictures):
    words = tmp_path / "words.toml"
    words.write_text('general = ["odd {}"]')
    source = info_of(
        run(
            request_of(
                prompts=words, method="Mine", seeds=(5,), backbone=replace(request_of().backbone, temperature=3.0)
            ),
            db=False,
        )
    )
    answer = cli(
        "run", "--dataset", "synthetic", "--data-root", pictures, "--category", "nut", "--model", small_clip,
        "--pretrained", "random", "--device", "cpu", "--from", Path("runs", source.run_id), "--resolution", "60",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    info = run_folder.read_run(Path(answer.out.strip()))
    assert info.config == source.config | {"training": None, "from_run": source.run_id}
    assert (info.method, info.seed, info.selection) == ("Mine", 5, "last_epoch")
    one, other = (run_folder.read_category(Path("runs", name), "nut") for name in (source.run_id, info.run_id))
    assert one.metrics == other.metrics


def test_saved_prompts_of_another_precision_are_refused_by_that_name(request_of, small_clip):
    [folder] = run(request_of(), db=False).folders
    with pytest.raises(InputError, match=r"(?s)made with precision fp32, not bf16.*--precision"):
        run(
            request_of(tasks=TASKS, from_run=folder, backbone=Backbone(small_clip, "random", "cpu", precision="bf16")),
            db=False,
        )


def test_saved_prompts_do_not_test_the_images_that_they_learned_from(request_of, pictures, tmp_path):
    [folder] = run(request_of(), db=False).folders
    [shot] = run_folder.read_run(folder).config["shots"]["nut"]
    leaky = tmp_path / "leaky"
    shutil.copytree(pictures, leaky)
    shutil.copy(leaky / "nut" / shot, leaky / "nut" / "test" / "good" / "leak.png")
    info = info_of(run(request_of(tasks=TASKS, from_run=folder, data_root=leaky), db=False, callbacks=quiet()))
    assert info.config["left_out_of_test"] == {"nut": ["good/leak.png"]}
    assert "good/leak.png" not in run_folder.read_category(Path("runs", info.run_id), "nut").images
    source = run_folder.read_run(folder).source
    run_folder.update_run(folder, source={**source, "data_root": str(tmp_path / "gone")})
    notes = []
    run(request_of(tasks=TASKS, from_run=folder, data_root=leaky), db=False, callbacks=quiet(note=notes.append))
    assert any("support images could not be compared with the test images" in note for note in notes)


def test_the_shots_own_scores_are_of_the_image_score_that_is_recorded(request_of):
    [folder] = run(request_of(k_shots=(2,)), db=False).folders
    [direct] = run(request_of(k_shots=(2,), image_score="rendered_max"), db=False).folders
    [evaluated] = run(request_of(tasks=TASKS, from_run=folder, image_score="rendered_max"), db=False).folders
    one, other, before = (run_folder.read_category_weights(place, "nut") for place in (direct, evaluated, folder))
    assert np.array_equal(one["shots_memory"], other["shots_memory"])
    assert not np.array_equal(before["shots_memory"], other["shots_memory"])


def test_images_of_a_seg_run_have_the_score_that_is_recorded(request_of):
    [folder] = run(request_of(tasks=("seg",), image_score="rendered_max"), db=False).folders
    result = run_folder.read_category(folder, "nut")
    for branch in ("semantic", "memory"):
        rendered = render(result.maps[branch], 60, 60, gaussian_sigma=0.0).max(axis=(1, 2))
        assert np.array_equal(result.scores[branch], rendered.astype(np.float64))
        assert not np.array_equal(result.scores[branch], result.maps[branch].max(axis=(1, 2)))


CLS = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 111, "method": "mine", "db": False}
MAPS = np.random.default_rng(0).random((4, 3, 3)).astype(np.float32)


def test_logged_maps_have_the_image_score_that_is_recorded():
    arguments = {"images": list("abcd"), "branches": {"memory": MAPS}, "labels": [0, 1, 0, 1]}
    with start_run(**CLS, image_score="rendered_max", render=(24, 20)) as logged:
        result = logged.log_category("tile", **arguments)
    assert np.array_equal(result.scores["memory"], render(MAPS, 24, 20, gaussian_sigma=0.0).max(axis=(1, 2)))
    with start_run(**CLS, image_score="rendered_max") as logged:
        with pytest.raises(InputError, match=r"(?s)'tile': image_score rendered_max needs the size.*render="):
            logged.log_category("tile", **arguments)
        masks = np.zeros((4, 24, 20), dtype=bool)
        masks[1::2, :5] = True
        result = logged.log_category("tile", **arguments, masks=masks)
    assert np.array_equal(result.scores["memory"], render(MAPS, 24, 20, gaussian_sigma=0.0).max(axis=(1, 2)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_score", "foo"), ("image_score", None), ("image_score", ["grid_max"]), ("selection", ("none",)), ("protocol", 1),
        ("render", (24,)), ("render", (24, 24, 24)), ("render", "24x24"), ("render", (24, "24")), ("render", 24),
        ("config", 5), ("config", "lr"), ("model", ["ViT"]), ("source", 1), ("environment", 3), ("tags", 5), ("tags", [1]),
        ("branch_kinds", 5), ("branch_kinds", {"mine": "best"}), ("fusions", 5), ("fusions", "max"), ("fusions", ["foo"]),
        ("fusions", [["max"]]), ("note", 5), ("variant", None),
    ],
)  # fmt: skip
def test_a_run_is_refused_by_the_name_of_the_argument(name, value):
    with pytest.raises(PromptadError, match="branches" if name == "branch_kinds" else name):
        start_run(**CLS | {name: value})
    assert not Path("runs").exists()


def test_what_a_run_was_started_with_is_what_its_file_says():
    kinds = {"mine": "gate"}
    with start_run(
        **CLS, render=[24, 20], environment={"device": "abacus"}, branch_kinds=kinds, fusions=["mean"], tags={"a"}
    ) as logged:
        result = logged.log_category(
            "tile", images=list("ab"), branches={"semantic": [0, 1], "memory": [0, 2]}, labels=[0, 1]
        )
    info = run_folder.read_run(logged.folder)
    assert (info.render, info.tags) == (Render(24, 20, "bilinear", 4.0), ("a",))
    assert info.environment["device"] == "abacus"
    assert "python" in info.environment
    assert info.branches["mine"].kind == "gate"
    assert set(result.scores) == {"semantic", "memory", "mean"}


def test_a_worker_of_other_files_does_not_add_to_a_run(request_of, tmp_path):
    words = tmp_path / "words.toml"
    words.write_text('general = ["odd {}"]')
    shots = tmp_path / "shots.json"
    for change, path, text in (
        ({"prompts": words}, words, 'general = ["even {}"]'),
        ({"shots_file": shots}, shots, '{"nut": ["002.png"]}'),
    ):
        shots.write_text('{"nut": ["001.png"]}')
        request = request_of(**change)
        prepared = prepare(request, runs=tmp_path / path.stem)
        path.write_text(text)
        with pytest.raises(InputError, match="was started with other weights, prompts, shots or settings"):
            run_category(request, "nut", prepared.folders, quiet())


def test_a_worker_computes_in_the_precision_that_the_run_records(request_of, small_clip, tmp_path):
    started = request_of(backbone=Backbone(small_clip, "random", "cpu", precision="bf16"))
    prepared = prepare(started, runs=tmp_path / "runs")
    [folder] = prepared.folders.values()
    run_folder.update_run(folder, environment={**run_folder.read_run(folder).environment, "device": "cuda"})
    assert run_category(request_of(), "nut", prepared.folders, quiet()) == {}
    info = run_folder.gather_learned(folder)
    assert info.config["learned"] == {"nut": {"epoch": 2, "device": "cpu"}}
    plain = run(started, runs=tmp_path / "plain", db=False).folders[0]
    assert run_folder.read_category(folder, "nut").metrics == run_folder.read_category(plain, "nut").metrics


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--format", "csv"), "--format is for the tables of --dry-run"),
        (("--address", "auto"), "--address is not for --executor local"),
        (("--gpus", "1"), "--gpus is not for --executor local"),
        (("--executor", "ray", "--devices", "cpu"), "--devices is not for --executor ray"),
        (("--devices", "cpu,cuda:0"), "--devices cpu,cuda:0 compute in different precisions"),
    ],
)
def test_a_sweep_refuses_what_would_change_nothing(cli, small_clip, pictures, more, message):
    words = ("--experiment", "e", "--dataset", "synthetic", "--data-root", pictures, "--model", small_clip)
    answer = cli("sweep", *words, *more)
    assert answer.code == 2
    assert message in answer.err


def test_a_run_refuses_a_format_that_it_does_not_print(cli, run_words):
    answer = cli(*run_words("--format", "json"))
    assert answer.code == 2
    assert "--format is for the table of --check-data" in answer.err


@pytest.mark.parametrize("command", [run_command, sweep_command])
def test_the_defaults_of_the_command_line_are_those_of_a_request(command, pictures):
    shown = {one.name: one.default for one in command.params if isinstance(one.default, str | int | float)}
    names = (
        "model", "memory_tap", "batch_size", "epochs", "selection", "image_score", "resolution", "experiment", "method",
    )  # fmt: skip
    options = {name: shown[name] for name in names if name in shown}
    assert len(options) >= len(names) - 1
    place = {"dataset": "synthetic", "data_root": pictures}
    assert Request.from_options({**place, **options}) == Request.from_options(place)


def test_a_resumed_run_names_the_environments_that_it_was_made_in(request_of, monkeypatch):
    request = request_of(variants=("memory_only",))
    [folder] = run(request, db=False).folders
    before = run_folder.read_run(folder).environment
    request = replace(request, categories=None, resume=True)
    monkeypatch.setattr("platform.python_version", lambda: "9.9")
    run(request, db=False, callbacks=quiet())
    environment = run_folder.read_run(folder).environment
    assert {**environment, "resumed": []} == {**before, "resumed": []}
    assert [one["python"] for one in environment["resumed"]] == ["9.9"]


def test_a_run_of_other_shots_from_the_same_file_is_not_gone_on_with(request_of, tmp_path):
    shots = tmp_path / "shots.json"
    shots.write_text('{"nut": ["001.png"], "leather": ["001.png"]}')
    [first] = run(request_of(shots_file=shots), db=False).folders
    shots.write_text('{"nut": ["001.png"], "leather": ["002.png"]}')
    request = request_of(shots_file=shots, categories=("nut", "leather"), resume=True)
    assert run(request, db=False, callbacks=quiet()).folders == [first]
    shots.write_text('{"nut": ["002.png"], "leather": ["002.png"]}')
    assert run(request, db=False, callbacks=quiet()).folders != [first]
    assert run_folder.read_run(first).config["shots"]["nut"] == ["train/good/001.png"]


RECORDED = {
    "experiment": ("mine", lambda info: info.experiment, "mine"),
    "method": ("Mine", lambda info: info.method, "Mine"),
    "dataset": ("other", lambda info: info.dataset, "other"),
    "category": ("leather", lambda info: list(info.config["shots"]), ["leather"]),
    "task": ("seg", lambda info: info.task, "seg"),
    "k_shot": ("2", lambda info: (info.k_shot, len(info.config["shots"]["nut"])), (2, 2)),
    "seed": ("5", lambda info: info.seed, 5),
    "variant": ("memory_only", lambda info: info.variant, "memory_only"),
    "epochs": ("3", lambda info: (info.config["training"]["epochs"], info.config["learned"]["nut"]["epoch"]), (3, 3)),
    "selection": ("best_on_test", lambda info: info.selection, "best_on_test"),
    "image_score": ("rendered_max", lambda info: info.image_score, "rendered_max"),
    "resolution": ("50", lambda info: (info.render.height, info.render.width), (50, 50)),
    "precision": ("bf16", lambda info: info.config["precision"], "bf16"),
    "memory_layers": ("1,4", lambda info: info.config["memory_layers"], [1, 4]),
    "memory_tap": ("block_output", lambda info: info.config["memory_tap"], "block_output"),
    "temperature": ("3", lambda info: info.config["temperature"], 3.0),
    "batch_size": ("2", lambda info: info.config["batch_size"], 2),
    "device": ("cpu", lambda info: info.environment["device"], "cpu"),
    "data_root": ("moved", lambda info: info.source["data_root"], "moved"),
    "shots_file": ("shots.json", lambda info: info.config["shots_from"], str),
    "pretrained": ("weights.safetensors", lambda info: info.model["pretrained"], str),
    "prompts": ("words.toml", lambda info: info.config["prompts"], sha256_of),
    "model": ("tiny", lambda info: (info.model["name"], info.model["pretrained"]), ("tiny", "synthetic")),
}
NOT_RECORDED = {"from_run", "resume", "check_data", "feature_cache", "output_format", "output", "runs", "db"}


def test_every_option_of_run_is_recorded_or_known_to_change_no_number():
    assert {one.name for one in run_command.params} == RECORDED.keys() | NOT_RECORDED


@pytest.mark.parametrize("name", RECORDED)
def test_an_option_of_run_is_recorded_and_a_sweep_tells_runs_apart_by_it(
    cli, small_clip, pictures, encoder, tmp_path, name
):
    from safetensors.torch import save_file

    value, recorded, expected = RECORDED[name]
    Path("shots.json").write_text('{"nut": ["002.png"]}')
    Path("words.toml").write_text('general = ["odd {}"]')
    Path("moved").symlink_to(pictures)
    save_file({key: one.contiguous() for key, one in encoder.model.state_dict().items()}, "weights.safetensors")
    options = {
        "dataset": "synthetic", "data_root": str(pictures), "category": "nut", "task": "cls", "experiment": "e",
        "model": small_clip, "pretrained": "random", "epochs": "2", "resolution": "60", "batch_size": "4",
    }  # fmt: skip
    changed = options | {name: value}
    if name == "model":
        del changed["pretrained"]

    def words(options):
        return [word for key, one in options.items() for word in (f"--{key.replace('_', '-')}", one)]

    answer = cli("run", *words(changed))
    assert answer.code == 0, answer.err
    info = run_folder.read_run(Path(answer.out.strip()))
    assert recorded(info) == (expected(Path(value).absolute()) if callable(expected) else expected)
    if name not in ("device", "data_root"):
        own_default = name in ("precision", "memory_layers", "temperature")  # known to the loaded model alone
        for asked, done in ((changed, 1), (options, int(own_default))):
            answer = cli("sweep", *words(asked), "--dry-run", "--format", "json")
            assert answer.code == 0, answer.err
            assert json.loads(answer.out)["sweep"][0]["done"] == done
