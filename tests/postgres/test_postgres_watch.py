"""A watcher that writes to a shared PostgreSQL database, which may be away for a while."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from measured_runs import Laboratory, both

from promptad_db import open_db, run_folder
from promptad_db.errors import DatabaseError
from promptad_db.ingestion import watch as watching
from promptad_db.records import CategoryResult, Metric


def stored(address):
    return open_db(address).query("SELECT run_id, category FROM run_categories ORDER BY run_id, category").rows


def until(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def lab():
    return Laboratory()


def test_categories_come_one_by_one_and_a_server_that_is_away_is_waited_for(address, server, database, lab):
    first = lab.run({"tile": both(0.5, 0.6)}, status="running")
    heard, stop = [], threading.Event()
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(watching.watch, "runs", db=address, interval=0.05, stop=stop, say=heard.append)
        try:
            until(lambda: "1 new runs" in heard)
            metric = Metric("pixel", "max", "auroc", 0.5, "reported")
            run_folder.write_category(first, CategoryResult("wood", metrics=[metric]))
            until(lambda: "1 run extended (1 category)" in heard)
            assert stored(address) == [(first.name, "tile"), (first.name, "wood")]
            server.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
            server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
            second = lab.run({"tile": both(0.5, 0.6)})
            until(lambda: heard[-1].endswith("trying again"))
            time.sleep(0.5)
            server.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
            until(lambda: "working again" in heard)
        finally:
            stop.set()
        assert ended.result(20).added == {first.name, second.name}
    away = [line for line in heard if "trying again" in line]
    assert len(set(away)) == len(away) <= 2  # the connection that was ended, and those that are refused
    assert stored(address)[2:] == [(second.name, "tile")]


def test_a_server_that_is_away_at_the_start_is_an_error(server, lab):
    lab.run({"tile": both(0.5, 0.6)})
    with pytest.raises(DatabaseError, match="cannot connect"):
        watching.watch("runs", db=server.address("nowhere"))
