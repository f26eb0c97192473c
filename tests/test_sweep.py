"""A sweep: a grid becomes the runs that `run` would make, whoever dies on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from promptad_db import open_db, run_folder
from promptad_db.db.queries.stage_seconds import StageSeconds
from promptad_db.errors import InputError, InterruptedRunError, NoRowsError, UsageError
from promptad_db.model.variants import VARIANTS
from promptad_db.progress import Callbacks
from promptad_db.records import Setting
from promptad_db.runner import Request, run
from promptad_db.sweeps import Grid, LocalExecutor, plan_sweep, sweep, sweep_status
from promptad_db.sweeps import grid as grids
from promptad_db.sweeps.estimate import Estimate
from promptad_db.sweeps.record import recording
from promptad_db.sweeps.work import GroupWork, Preparation

CATEGORIES = ("leather", "nut")
OPTIONS = {"model": "tiny", "epochs": 2, "resolution": 60, "batch_size": 4}
PROGRAM = [sys.executable, "-c", "from promptad_db.cli.main import main; main()"]


@pytest.fixture
def grid_of(pictures):
    """A small grid; keyword arguments change it."""

    def make(**changes):
        arguments = {"experiment": "e", "data_roots": {"synthetic": pictures}, "options": OPTIONS}
        return Grid(**{**arguments, **changes})

    return make


@pytest.fixture
def arguments(pictures):
    """The same grid as words of the command line."""
    return [
        "sweep", "--experiment", "e", "--dataset", "synthetic", "--data-root", str(pictures), "--model", "tiny",
        "--epochs", "2", "--resolution", "60", "--batch-size", "4", "--threads", "1",
    ]  # fmt: skip


def quiet(**heard):
    return Callbacks(**{"note": lambda _text: None, **heard})


def results(folders):
    """Every category of every run: {(dataset, task, K, seed, variant, category): (CategoryResult, weights)}."""
    found = {}
    for folder in folders:
        info = run_folder.read_run(folder)
        for category in run_folder.list_categories(folder):
            key = (info.dataset, info.task, info.k_shot, info.seed, info.variant, category)
            found[key] = run_folder.read_category(folder, category), run_folder.read_category_weights(folder, category)
    return found


def assert_same(one, other):
    """All numbers are equal to the last bit."""
    assert set(one) == set(other)
    for key, (result, weights) in one.items():
        again, learned = other[key]
        assert (result.metrics, result.images) == (again.metrics, again.images)
        for mine, theirs in ((result.scores, again.scores), (result.maps, again.maps), (weights, learned)):
            assert set(mine) == set(theirs)
            for name, array in mine.items():
                assert np.array_equal(array, theirs[name])


def run_plainly(grid, runs="plain"):
    """What `promptad-db run` makes of a grid."""
    folders = []
    for name in grid.data_roots:
        options = grid.request_options(name, grid.categories, "cpu")
        folders += run(Request.from_options(options), runs=runs, db=False, callbacks=quiet()).folders
    return folders


def wait_for(condition, seconds=60):
    """Look until something is true."""
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)
    return answer


def first_category(runs="runs"):
    """A category that a worker has written, if there is one."""
    found = (place for name in CATEGORIES for place in Path(runs).glob(f"[0-9]*/{name}"))
    return next(found, None)


def state_counts(sections):
    row = sections[0].result.records()[0]
    return {name: row[name] for name in ("done", "running", "failed", "missing")}


@pytest.mark.slow
def test_a_sweep_equals_run_bit_by_bit_and_is_indexed(grid_of, pictures):
    grid = grid_of(
        data_roots={"synthetic": pictures, "again": pictures}, k_shots=(1, 2), seeds=(1, 2), variants=VARIANTS
    )
    plain = run_plainly(grid)
    cells = []
    outcome = sweep(grid, LocalExecutor(("cpu",), workers=2), callbacks=quiet(cell=cells.append))
    assert (outcome.cells, len(cells), outcome.failed) == (128, 128, {})
    assert_same(results(plain), results(outcome.folders))
    for one, other in zip(plain, outcome.folders, strict=True):
        before, after = run_folder.read_run(one), run_folder.read_run(other)
        assert (before.config, before.model, before.status) == (after.config, after.model, after.status)
    rows = open_db().query("SELECT status, COUNT(*) FROM runs GROUP BY 1").rows
    assert rows == [("finished", 64)]
    assert open_db().query("SELECT COUNT(*) FROM run_categories").rows == [(128,)]


@pytest.mark.slow
def test_a_finished_sweep_has_nothing_to_do_and_a_larger_grid_does_the_rest(grid_of):
    first = sweep(grid_of(tasks=("cls",)), LocalExecutor(("cpu",)), db=False, callbacks=quiet())
    assert first.cells == 2
    more = sweep(grid_of(tasks=("cls",), seeds=(111, 5)), LocalExecutor(("cpu",)), db=False, callbacks=quiet())
    assert more.cells == 2
    assert set(first.folders) < set(more.folders)
    assert not list(Path("runs").rglob(".learned-*"))
    assert set(run_folder.read_run(first.folders[0]).config["learned"]) == set(CATEGORIES)


@pytest.mark.slow
def test_killing_a_worker_mid_way_loses_nothing(grid_of):
    grid = grid_of(k_shots=(1, 2, 4), seeds=(1, 2))
    executor = LocalExecutor(("cpu",), retries=1)

    def kill():
        wait_for(first_category)
        os.kill(executor.processes[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = sweep(grid, executor, db=False, callbacks=quiet())
    killer.join()
    assert (outcome.cells, outcome.failed) == (24, {})
    assert_same(results(run_plainly(grid)), results(outcome.folders))
    infos = [run_folder.read_run(folder) for folder in outcome.folders]
    assert {info.status for info in infos} == {"finished"}
    assert all(set(info.config["learned"]) == set(CATEGORIES) for info in infos)
    assert not list(Path("runs").glob("*/.*"))


@pytest.mark.slow
def test_a_worker_that_dies_too_often_fails_its_group_alone(grid_of):
    grid = grid_of(k_shots=(1, 2, 4), seeds=(1, 2))
    executor = LocalExecutor(("cpu",), retries=0)

    def kill():
        wait_for(first_category)
        os.kill(executor.processes[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = sweep(grid, executor, db=False, callbacks=quiet())
    killer.join()
    assert 1 <= len(outcome.failed) < 12
    assert {key.category for key in outcome.failed} == {"leather"}
    assert all("its worker died 1 time, the last with signal 9" in why for why in outcome.failed.values())
    sections = sweep_status()
    assert state_counts(sections) == {
        "done": 24 - len(outcome.failed), "running": 0, "failed": len(outcome.failed), "missing": 0,
    }  # fmt: skip
    assert len(sections[2].result) == len(outcome.failed)
    again = sweep(grid, LocalExecutor(("cpu",)), db=False, callbacks=quiet())
    assert (again.cells, again.failed) == (len(outcome.failed), {})


@pytest.mark.slow
def test_a_worker_that_dies_between_two_tasks_is_replaced(grid_of, tmp_path):
    grid = grid_of(tasks=("cls",))
    with LocalExecutor(("cpu",), retries=1) as executor:
        tasks = [Preparation(grid, "synthetic", (name,), tmp_path / name) for name in CATEGORIES]
        (first,) = executor.answers(tasks[:1], lambda _task: None)
        [worker] = executor.processes
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: not alive(worker))
        (second,) = executor.answers(tasks[1:], lambda _task: None)
        assert (first.error, second.error) == (None, None)
        assert executor.processes != [worker]
        [worker] = executor.processes
    assert not alive(worker)


def test_a_script_without_a_main_guard_is_told_why_no_worker_starts(tmp_path, pictures):
    script = tmp_path / "script.py"
    script.write_text(
        "from promptad_db.sweeps import Grid, LocalExecutor, sweep\n"
        f"sweep(Grid('e', {{'synthetic': {str(pictures)!r}}}), LocalExecutor(('cpu',)), runs='runs', db=False)\n"
    )
    answer = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode != 0
    assert "a worker process did not start" in answer.stderr
    assert "__main__" in answer.stderr


@pytest.mark.slow
def test_a_killed_driver_takes_its_workers_along_and_the_same_command_goes_on(grid_of, arguments):
    words = [*arguments, "--k-shot", "1,2,4", "--seed", "1..2"]
    driver = subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(first_category)
    assert sweep_status()[0].result.records()[0]["sweep"] == "running"
    assert state_counts(sweep_status())["running"] > 0
    workers = children_of(driver.pid)
    assert workers
    driver.kill()
    driver.communicate()
    wait_for(lambda: not any(alive(worker) for worker in workers))
    counts = state_counts(sweep_status())
    assert 1 <= counts["done"] < 24
    assert counts["running"] == counts["failed"] == 0
    answer = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert f"{24 - counts['done']} cells in 12 runs; next: promptad-db report --experiment e" in answer.stderr
    plain = run_plainly(grid_of(k_shots=(1, 2, 4), seeds=(1, 2)))
    assert_same(results(plain), results(map(Path, answer.stdout.split())))
    assert len(run_folder.find_runs(Path("runs"))) == 12


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(arguments):
    driver = subprocess.Popen(
        [*PROGRAM, *arguments, "--k-shot", "1,2,4", "--seed", "1..2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(first_category)
    os.killpg(driver.pid, signal.SIGINT)
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert "interrupted: " in err
    assert "the same command goes on" in err
    assert (out, "Traceback" in err) == ("", False)
    infos = [run_folder.read_run(folder) for folder in run_folder.find_runs(Path("runs"))]
    assert {info.status for info in infos} == {"failed"}
    assert sweep_status()[0].result.records()[0]["sweep"] == "not running"
    rows = open_db().query("SELECT COUNT(*) FROM run_categories").rows
    assert rows == [(state_counts(sweep_status())["done"],)]


@pytest.mark.slow
def test_a_broken_image_fails_its_category_alone_until_it_is_mended(cli, arguments, pictures, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(pictures, broken)
    image = next((broken / "nut" / "test" / "good").iterdir())
    content = image.read_bytes()
    image.write_bytes(content[:100])
    words = [str(broken) if word == str(pictures) else word for word in arguments]
    answer = cli(*words, "--task", "cls", "--variant", "memory_only")
    assert answer.code == 4
    assert f"synthetic nut: 1 cells failed: {image}" in answer.err
    assert "1 cells in 1 runs, 1 failed; next: promptad-db sweep status --experiment e" in answer.err
    assert [run_folder.list_categories(Path(line)) for line in answer.out.split()] == [["leather"]]
    status = cli("sweep", "status", "--format", "json")
    assert json.loads(status.out)["sweep"][0]["failed"] == 1
    failed = json.loads(status.out)["failed"]
    assert [(row["category"], image.name in row["reason"]) for row in failed] == [("nut", True)]
    image.write_bytes(content)
    again = cli(*words, "--task", "cls", "--variant", "memory_only")
    assert again.code == 0, again.err
    assert again.out == answer.out
    rows = open_db().query("SELECT status, category FROM runs JOIN run_categories USING (run_id) ORDER BY 2").rows
    assert rows == [("finished", "leather"), ("finished", "nut")]


@pytest.mark.slow
def test_a_k_that_one_category_has_not_fails_that_cell_alone(grid_of, pictures, tmp_path):
    few = tmp_path / "few"
    shutil.copytree(pictures, few)
    for image in sorted((few / "nut" / "train" / "good").iterdir())[2:]:
        image.unlink()
    grid = grid_of(data_roots={"synthetic": few}, tasks=("cls",), k_shots=(1, 4), variants=("memory_only",))
    outcome = sweep(grid, LocalExecutor(("cpu",)), db=False, callbacks=quiet())
    assert outcome.cells == 3
    assert [(key.category, key.setting.k_shot) for key in outcome.failed] == [("nut", 4)]
    assert "K = 4" in next(iter(outcome.failed.values()))
    assert [run_folder.read_run(folder).status for folder in outcome.folders] == ["finished", "failed"]


@pytest.mark.slow
def test_two_workers_at_the_same_category_are_no_harm(grid_of, tmp_path):
    grid = grid_of(k_shots=(1, 2))
    with LocalExecutor(("cpu",), workers=2) as executor:
        (answer,) = executor.answers([Preparation(grid, "synthetic", ("nut",), tmp_path / "runs")], lambda _task: None)
        task = GroupWork(grid, "synthetic", "nut", answer.value.folders)
        both = list(executor.answers([task, task], lambda _task: None))
    assert [(one.error, one.value.failed) for one in both] == [(None, {})] * 2
    for folder in task.folders.values():
        assert run_folder.list_categories(folder) == ["nut"]
        assert not list(folder.glob(".*.tmp-*"))
        assert run_folder.gather_learned(folder).config["learned"] == {"nut": {"epoch": 2}}


def test_only_one_driver_at_a_time(grid_of):
    with (
        recording(Path("runs").absolute(), grid_of()),
        pytest.raises(UsageError, match="the sweep 'e' is running already"),
    ):
        sweep(grid_of(), LocalExecutor(("cpu",)), db=False)


@pytest.mark.slow
def test_an_interrupted_library_call_can_be_repeated(grid_of):
    def stop(_cell):
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="the same command goes on"):
        sweep(grid_of(tasks=("cls",)), LocalExecutor(("cpu",)), db=False, callbacks=quiet(cell=stop))
    outcome = sweep(grid_of(tasks=("cls",)), LocalExecutor(("cpu",)), db=False, callbacks=quiet())
    assert outcome.cells < 2
    assert state_counts(sweep_status())["done"] == 2


def test_a_dry_run_knows_what_run_has_done_and_how_long_the_rest_takes(cli, arguments, pictures):
    one = [word for word in arguments[1:] if word not in ("--threads", "1")]
    assert cli("run", *one, "--device", "cpu", "--task", "cls", "--category", "nut").code == 0
    answer = cli(*arguments, "--task", "cls", "--dry-run", "--format", "json")
    assert answer.code == 0
    content = json.loads(answer.out)
    assert [(row["category"], row["state"]) for row in content["cells"]] == [("leather", "missing"), ("nut", "done")]
    leather, nut = content["groups"]
    assert (leather["images"], leather["worker_seconds"] > 0, nut["worker_seconds"]) == (8, True, 0)
    assert content["sweep"][0]["worker_seconds"] == leather["worker_seconds"]
    both = json.loads(cli(*arguments, "--dry-run", "--format", "json").out)
    assert [row["worker_seconds"] for row in both["groups"]] == [None, None]
    for other in (
        ("--epochs", "3"),
        ("--memory-tap", "block_output"),
        ("--experiment", "f"),
        ("--image-score", "rendered_max"),
    ):
        changed = json.loads(cli(*arguments, *other, "--task", "cls", "--dry-run", "--format", "json").out)
        assert changed["sweep"][0]["done"] == 0, other
    assert not (Path("runs") / ".sweeps").exists()
    assert len(run_folder.find_runs(Path("runs"))) == 1


def test_a_dry_run_and_a_status_load_no_torch(arguments, grid_of):
    program = (
        "import sys; sys.modules['torch'] = sys.modules['ray'] = None; from promptad_db.cli.main import main; main()"
    )
    words = [sys.executable, "-c", program, *arguments]
    answer = subprocess.run([*words, "--dry-run"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "leather" in answer.stdout
    with recording(Path("runs").absolute(), grid_of()):
        pass
    answer = subprocess.run([*words[:3], "sweep", "status"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "leather" in answer.stdout
    answer = subprocess.run([*words, "--executor", "ray"], capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "promptad-db[ray]" in answer.stderr


def test_the_estimate_adds_shared_encoding_once_and_takes_other_k_on_average():
    def stored(task, k_shot, stage, seconds, cells=2, images=20):
        return StageSeconds(task, "baseline", k_shot, stage, cells, images, seconds)

    rows = [
        stored("cls", 1, "encode", 40.0), stored("cls", 1, "encode_semantic", 10.0), stored("cls", 1, "train", 6.0),
        stored("seg", 1, "encode", 60.0), stored("seg", 1, "memory", 2.0), stored("seg", 2, "encode", 60.0),
        stored("seg", 2, "memory", 6.0),
    ]  # fmt: skip
    estimate = Estimate(rows)
    one, other = Setting("cls", 1, 111, "baseline"), Setting("seg", 1, 111, "baseline")
    assert estimate.seconds([one], 10) == pytest.approx(20 + 3)
    assert estimate.seconds([one, other], 10) == pytest.approx(30 + 3 + 1)
    assert estimate.seconds([Setting("seg", 4, 5, "baseline")], 10) == pytest.approx(30 + 2)
    assert estimate.seconds([], 10) == 0
    assert estimate.seconds([one, Setting("cls", 1, 111, "memory_only")], 10) is None


def test_a_grid_comes_from_a_file_and_what_is_typed_counts_more(cli, pictures):
    Path("grid.toml").write_text(
        f"""
        experiment = "<script>alert(1)</script>"
        dataset = ["synthetic", "again"]
        k-shot = [1, 2]
        task = "cls"
        seed = "1..3"
        model = "tiny"
        memory-layers = [0, 2]
        [data-root]
        synthetic = "{pictures}"
        again = "{pictures}"
        """
    )
    content = json.loads(cli("sweep", "--grid", "grid.toml", "--dry-run", "--format", "json").out)
    assert content["sweep"][0]["experiment"] == "<script>alert(1)</script>"
    assert len(content["cells"]) == 2 * 2 * 2 * 3
    typed = cli("sweep", "--grid", "grid.toml", "--seed", "7", "--category", "nut", "--dry-run", "--format", "json")
    assert {(row["seed"], row["category"]) for row in json.loads(typed.out)["cells"]} == {(7, "nut")}


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("k-shots = [1]", 2, "unknown key 'k-shots'; the nearest is k-shot"),
        ("k_shot = ['x']", 2, "'x' is not a list of whole numbers"),
        ("epochs = 0", 2, "epochs"),
        ("format = 'csv'", 2, "unknown key 'format'"),
        ("= 1", 4, "grid.toml: not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_explained(cli, arguments, text, code, said):
    Path("grid.toml").write_text(text)
    words = [word for word in arguments if word not in ("--epochs", "2")]
    answer = cli(*words, "--grid", "grid.toml", "--dry-run")
    assert answer.code == code
    assert said in answer.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--seed", "5..1"), "5..1 holds none"),
        (("--seed", "1..100000000"), "more than 10000"),
        (("--seed", "1,1..2"), "--seed names a value twice"),
        (("--seed", "1..x"), "is not a list of whole numbers"),
        (("--task", "det"), "use some of cls, seg"),
        (("--variant", "magic"), "use some of baseline, spatial_prompts, vision_guided, memory_only"),
        (("--k-shot", "0"), "--k-shot 0 is too small"),
        (("--category", "unicorn"), "there are: leather, nut"),
        (("--dataset", "other", "--data-root", "another=x"), "'another' is not among --dataset"),
        (("--model", "nobody"), "open_clip has no model 'nobody'"),
        (("--devices", "cuda:99"), "--device cpu"),
        (("--experiment", ""), "give the sweep a short name"),
    ],
)
def test_the_command_explains_what_it_cannot_do(cli, arguments, more, said):
    answer = cli(*arguments, *more)
    assert answer.code == 2, answer.err
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not run_folder.find_runs(Path("runs"))


def test_each_data_set_has_its_folder():
    assert grids.data_roots(("a", "b"), ("b=x=y", "z")) == {"a": Path("z"), "b": Path("x=y")}
    with pytest.raises(UsageError, match="says nothing of b"):
        grids.data_roots(("a", "b"), ("a=x",))
    with pytest.raises(UsageError, match="several folders"):
        grids.data_roots(("a",), ("x", "y"))


def test_the_variants_are_those_of_the_model():
    assert grids.VARIANTS == VARIANTS


def test_a_status_without_a_sweep_or_with_a_broken_record_is_explained(grid_of, cli):
    assert cli("sweep", "status").code == 5
    with recording(Path("runs").absolute(), grid_of()) as record:
        pass
    with pytest.raises(NoRowsError, match="there are: e"):
        sweep_status("f")
    for content in ("[]", "{}", '{"format": 1, "grid": {}}', '{"format": 2}', "nothing"):
        record.path.write_text(content)
        with pytest.raises(InputError, match=r"e\.json"):
            sweep_status("e")


def test_a_plan_says_which_data_is_not_there(grid_of, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        plan_sweep(grid_of(data_roots={"synthetic": tmp_path / "nowhere"}))


def children_of(pid):
    """The processes that a process started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


def alive(pid):
    return Path(f"/proc/{pid}").exists()
