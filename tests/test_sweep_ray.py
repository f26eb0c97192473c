"""A sweep over a real Ray cluster of two nodes equals the local one, and lost workers lose nothing."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from promptad_db import open_db
from promptad_db.datasets.synthetic import write_dataset
from promptad_db.errors import UsageError
from promptad_db.progress import Callbacks
from promptad_db.sweeps import Grid, LocalExecutor, sweep

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'promptad-db[ray]'")
pytestmark = [
    pytest.mark.slow,
    # Ray leaves sockets and files to the collector, and speaks of its own future.
    pytest.mark.filterwarnings("default::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning"),
]

NUMBERS = """
    SELECT dataset, category, task, k_shot, seed, variant, branch, level, metric, value, n_pos, n_neg
    FROM metrics JOIN runs USING (run_id) ORDER BY ALL
"""


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """Some of the demo's categories with few images, K, seeds and tasks."""
    from promptad_db.datasets.synthetic import CATEGORIES as KNOWN

    root = tmp_path_factory.mktemp("ray-pictures")
    write_dataset(root, categories=tuple(sorted(KNOWN))[:4], train=4, test_good=3, test_per_defect=1)
    options = {"model": "tiny", "epochs": 2, "resolution": 60, "batch_size": 4}
    return Grid("e", {"synthetic": root}, k_shots=(1, 2), seeds=(1, 2), options=options)


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one CPU each on this machine."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    yield made
    made.shutdown()


@pytest.fixture(scope="module")
def local_numbers(grid, tmp_path_factory):
    """What the local executor finds."""
    place = tmp_path_factory.mktemp("local")
    outcome = sweep(grid, LocalExecutor(("cpu",)), runs=place / "runs", db=place / "db", callbacks=quiet())
    assert not outcome.failed
    return open_db(place / "db").query(NUMBERS).rows


def quiet(**heard):
    return Callbacks(**{"note": lambda _text: None, **heard})


def executor_at(address, **options):
    from promptad_db.sweeps.on_ray import RayExecutor

    return RayExecutor(address, **options)


def test_a_sweep_over_two_nodes_equals_the_local_one_cell_by_cell(grid, cluster, local_numbers):
    cells = []
    outcome = sweep(grid, executor_at(cluster.address), callbacks=quiet(cell=cells.append))
    assert (outcome.cells, len(cells), outcome.failed) == (32, 32, {})
    assert open_db().query(NUMBERS).rows == local_numbers
    assert not ray.is_initialized()


def test_killing_a_worker_mid_way_loses_nothing(grid, cluster, local_numbers):
    killed = []

    def kill():
        end = time.monotonic() + 120
        while time.monotonic() < end and not killed:
            if list(Path("runs").glob("[0-9]*/[a-z]*")):
                for process in psutil.process_iter(["cmdline"]):
                    if process.info["cmdline"] and process.info["cmdline"][0] == "ray::perform":
                        os.kill(process.pid, signal.SIGKILL)
                        killed.append(process.pid)
                        break
            time.sleep(0.002)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = sweep(grid, executor_at(cluster.address), callbacks=quiet())
    killer.join()
    assert killed
    assert (outcome.cells, outcome.failed) == (32, {})
    assert open_db().query(NUMBERS).rows == local_numbers


def test_a_worker_that_is_lost_too_often_fails_its_group_alone(grid, cluster):
    from promptad_db.sweeps.on_ray import RayExecutor

    class OnlyOnce(RayExecutor):
        """Kills the worker of the first group that is given one."""

        def answers(self, tasks, started):
            if not hasattr(tasks[0], "category"):
                return super().answers(tasks, started)
            threading.Thread(target=kill_one).start()
            return super().answers(tasks, started)

    def kill_one():
        end = time.monotonic() + 120
        while time.monotonic() < end:
            for process in psutil.process_iter(["cmdline"]):
                if process.info["cmdline"] and process.info["cmdline"][0] == "ray::perform":
                    os.kill(process.pid, signal.SIGKILL)
                    return
            time.sleep(0.002)

    outcome = sweep(grid, OnlyOnce(cluster.address, retries=0), db=False, callbacks=quiet())
    assert {key.category for key in outcome.failed} == {next(iter(outcome.failed)).category}
    assert all("its worker was lost 1 times" in why for why in outcome.failed.values())
    again = sweep(grid, executor_at(cluster.address), db=False, callbacks=quiet())
    assert (again.cells, again.failed) == (len(outcome.failed), {})


def test_without_a_cluster_ray_runs_on_this_machine_alone(grid, local_numbers):
    outcome = sweep(grid, executor_at(None, workers=1), callbacks=quiet())
    assert not outcome.failed
    assert open_db().query(NUMBERS).rows == local_numbers


def test_an_address_without_a_cluster_is_explained(grid):
    with pytest.raises(UsageError, match=r"no Ray cluster at 127\.0\.0\.1:1"):
        sweep(grid, executor_at("127.0.0.1:1"), db=False, callbacks=quiet())
