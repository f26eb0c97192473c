"""``ingest --watch``: what appears below a folder is in the database soon after, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from promptad_db import open_db, run_folder
from promptad_db.db.engine import connect, schema
from promptad_db.errors import InputError, SchemaError, UsageError
from promptad_db.ingestion import watch as watching
from promptad_db.ingestion.seen_folders import SeenFolders, Snapshot
from promptad_db.records import CategoryResult, Metric
from promptad_db.storage import folder_at
from promptad_db.storage.lock import locked

BOTH = {"semantic": 0.9, "memory": 0.8}
TABLE = "dataset,category,k_shot,seed,task,branch,image,label,score\n" + "".join(
    f"mvtec,tile,1,1,cls,{branch},{image}.png,{image % 2},0.{image}\n"
    for branch in ("semantic", "memory")
    for image in range(6)
)
WRITER = """
import sys, numpy as np, promptad_db
with promptad_db.start_run(dataset="mvtec", task="cls", k_shot=1, seed=3, method="m", db=False) as run:
    for category in sys.argv[1:]:
        branches = {"semantic": np.arange(6.0), "memory": np.arange(6.0)[::-1]}
        run.log_category(category, images=[str(i) for i in range(6)], branches=branches, labels=[0, 1] * 3)
        print(category, flush=True)
        sys.stdin.readline()
"""


def until(true, seconds=20):
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


class Heard(list):
    """What a watcher said, one line after another."""

    def comes(self, text, times=1):
        until(lambda: sum(text in line for line in self) >= times)

    def counted(self, text):
        return sum(text in line for line in self)


@contextmanager
def watched(*roots, interval=0.05, rounds=2, **settings):
    """Watch in a thread while the block runs, and a few rounds more; yields what is said."""
    heard, stop = Heard(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(watching.watch, *roots, interval=interval, stop=stop, say=heard.append, **settings)
        try:
            until(lambda: heard.counted("watching") or ended.done() or heard.counted("trying again"))
            yield heard
            time.sleep(rounds * interval)
        finally:
            stop.set()
        heard.outcome = ended.result(20)


@contextmanager
def watching_process(*arguments):
    """``promptad-db ingest --watch`` as users start it; yields the process and its lines."""
    command = [sys.executable, "-m", "promptad_db", "ingest", "--watch", *map(str, arguments), "--interval", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    heard = Heard()
    listening = threading.Thread(target=lambda: [heard.append(line) for line in process.stderr])
    listening.start()
    try:
        yield process, heard
    finally:
        process.kill()
        process.wait()
        listening.join()
        process.stderr.close()


def add_category(folder, name, value=0.7, **settings):
    metrics = [Metric("pixel", branch, "auroc", value, "reported") for branch in BOTH]
    run_folder.write_category(folder, CategoryResult(name, metrics=metrics), **settings)


def stored():
    """Run id and category of every cell in the database, once for each time it is there."""
    return open_db().query("SELECT run_id, category FROM run_categories ORDER BY ALL").rows


def statuses():
    return dict(open_db().query("SELECT run_id, status FROM runs").rows)


def test_a_running_run_at_any_depth_comes_category_by_category(make_run):
    Path("share").mkdir()
    with watched("share") as heard:
        assert heard[0] == "nothing there yet"
        folder = make_run({}, root=Path("share/2026/ablation"), status="running")
        heard.comes("1 new run (0 categories)")
        for number, category in enumerate(("tile", "wood"), start=1):
            add_category(folder, category)
            heard.comes("1 run extended (1 category)", number)
            assert stored()[-1] == (folder.name, category)
            assert statuses() == {folder.name: "running"}
        run_folder.update_run(folder, status="finished")
        until(lambda: statuses() == {folder.name: "finished"})
    assert heard.outcome.summary().endswith(": 1 new run (2 categories)")
    assert (heard.outcome.added, heard.outcome.categories) == ({folder.name}, 2)


def test_what_is_there_comes_first_with_the_usual_report(make_run):
    Path("share").mkdir()
    Path("share/scores.csv").write_text(TABLE)
    Path("share/broken.json").write_text("{")
    folder = make_run({"tile": BOTH}, root=Path("share"))
    with watched("share", runs="imported") as heard:
        pass
    assert heard[0].startswith("rejected: share/broken.json: not valid JSON")
    assert heard[1:] == ["2 new runs; 1 rejected", "watching share every 0.05 s"]
    assert heard.outcome.categories == 2
    assert (folder.name, "tile") in stored()


def test_a_foreign_file_that_comes_later_is_left_alone(make_run):
    Path("share").mkdir()
    with watched("share", runs="imported") as heard:
        Path("share/scores.csv").write_text(TABLE)
        make_run({"tile": BOTH}, root=Path("share"))
        heard.comes("1 new run (1 category)")
    assert len(stored()) == 1
    assert not Path("imported").exists()


def test_runs_that_do_not_change_are_not_read_again(make_run, monkeypatch):
    for seed in range(3):
        make_run({"tile": BOTH}, root=Path("share"), seed=seed, status="finished" if seed else "running")
    indexed, original = [], watching.index_folders
    monkeypatch.setattr(
        watching, "index_folders", lambda folders, *a, **k: indexed.append(len(folders)) or original(folders, *a, **k)
    )
    with watched("share", rounds=8):
        pass
    assert indexed == [1]  # the running one, once more


def test_a_running_run_is_looked_at_twice_since_two_categories_can_leave_one_stamp(tmp_path):
    seen = SeenFolders(interval=1)
    seen.note({tmp_path: Snapshot("stamp", running=True)}, [])
    assert seen.is_due(tmp_path, "stamp")
    seen.note({tmp_path: Snapshot("stamp", running=True)}, [])
    assert not seen.is_due(tmp_path, "stamp")
    assert seen.is_due(tmp_path, "another")
    seen.note({tmp_path: Snapshot("another", running=False)}, [])
    assert not seen.is_due(tmp_path, "another")


def test_what_is_refused_is_tried_again_less_and_less_often_and_said_once(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    seen, look = SeenFolders(interval=10), {tmp_path: Snapshot("stamp", running=False)}
    refused, tries, news = [(tmp_path / "tile", "damaged")], [], []
    while clock[0] < 3600:
        if seen.is_due(tmp_path, "stamp"):
            news += seen.note(look, refused)
            tries.append(clock[0])
        clock[0] += 10
    assert news == refused
    backoff = [after - before for before, after in pairwise(tries)]
    assert backoff == [10, 20, 40, 80, 160, 320, *[600] * 4]
    assert seen.refused() == 1
    assert seen.note({tmp_path: Snapshot("other", running=False)}, refused) == refused


def test_a_broken_folder_is_said_once_and_taken_when_it_is_mended(make_run):
    Path("share").mkdir()
    with watched("share", rounds=6) as heard:
        folder = make_run({"tile": BOTH, "wood": BOTH}, root=Path("elsewhere"))
        whole = (folder / "run.json").read_bytes()
        (folder / "run.json").write_text('{"format": 1,')
        folder = folder.rename(Path("share", folder.name))
        heard.comes("not valid JSON")
        good = make_run({"tile": BOTH}, root=Path("share"))
        heard.comes("1 new run (1 category)")
        time.sleep(0.5)
        assert heard.counted("rejected") == 1
        (folder / "run.json").write_bytes(whole)
        heard.comes("1 new run (2 categories)")
    assert heard.counted("rejected") == 1
    assert {run_id for run_id, _ in stored()} == {folder.name, good.name}
    assert heard.outcome.rejected == 0


def test_a_damaged_category_keeps_back_nothing_but_itself(make_run):
    folder = make_run({"tile": BOTH, "wood": BOTH}, root=Path("elsewhere"))
    (folder / "wood" / "metrics.json").write_text("[")
    Path("share").mkdir()
    with watched("share", rounds=6) as heard:
        folder.rename(Path("share", folder.name))
        heard.comes("rejected")
    assert stored() == [(folder.name, "tile")]
    assert heard.counted(f"{folder.name}/wood") == 1
    assert heard.outcome.summary().endswith(": 1 new run (1 category); 1 run folder rejected")


def test_changed_content_is_refused_once_and_taken_with_replace(make_run):
    folder = make_run({"tile": BOTH}, root=Path("share"))
    with watched("share") as heard:
        add_category(folder, "tile", value=0.6, replace_existing=True)
        heard.comes("--replace takes the new content")
        time.sleep(0.5)
        assert heard.counted("--replace") == 1
    with watched("share", replace=True) as heard:
        add_category(folder, "tile", value=0.5, replace_existing=True)
        heard.comes("1 run extended (1 category)")
    assert open_db().query("SELECT DISTINCT value FROM metrics").rows == [(0.5,)]


def test_a_locked_database_is_said_once_and_nothing_is_lost(make_run, monkeypatch):
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.05")
    make_run({"tile": BOTH}, root=Path("share"))
    with watched("share") as heard:
        with locked(Path("promptad.duckdb"), exclusive=True):
            make_run({"tile": BOTH}, root=Path("share"), seed=2)
            heard.comes("locked by another process")
            make_run({"tile": BOTH}, root=Path("share"), seed=3)
            time.sleep(0.5)
        heard.comes("working again")
        until(lambda: len(stored()) == 3)
    assert heard.counted("trying again") == heard.counted("working again") == 1


def test_a_database_that_is_locked_at_the_start_is_waited_for(make_run, monkeypatch):
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.05")
    folder = make_run({"tile": BOTH}, root=Path("share"))
    with locked(Path("promptad.duckdb"), exclusive=True), watched("share") as heard:
        assert heard.counted("trying again") == 1
    assert heard.outcome.summary().endswith("nothing new")
    with watched("share") as heard:
        heard.comes("watching")
    assert stored() == [(folder.name, "tile")]


def test_a_root_that_vanishes_and_returns_is_said_once_each_and_others_go_on(make_run):
    make_run({"tile": BOTH}, root=Path("share"))
    Path("other").mkdir()
    with watched("share", "other") as heard:
        Path("share").rename("away")
        heard.comes("share: cannot be listed (No such file or directory); trying again")
        make_run({"tile": BOTH}, root=Path("other"), seed=2)
        heard.comes("1 new run", 2)
        make_run({"tile": BOTH}, root=Path("away"), seed=3)
        Path("away").rename("share")
        heard.comes("working again")
        heard.comes("1 new run (1 category)", 2)
    assert len(stored()) == 3
    assert (heard.counted("cannot be listed"), heard.counted("gone")) == (1, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_subfolder_that_may_not_be_listed_keeps_back_no_other(make_run):
    Path("share/lost+found").mkdir(parents=True, mode=0o000)
    with watched("share") as heard:
        make_run({"tile": BOTH}, root=Path("share/deep"))
        heard.comes("1 new run (1 category)")
    Path("share/lost+found").chmod(0o700)
    assert heard.counted("share/lost+found: cannot be listed") == 1


def test_a_run_folder_that_disappears_is_said_and_its_rows_stay(make_run):
    folders = [make_run({"tile": BOTH}, root=Path("share"), seed=seed) for seed in range(3)]
    with watched("share") as heard:
        for folder in folders[:2]:
            folder.rename(Path("share", f".{folder.name}"))
        until(lambda: heard.counted("gone"))
        time.sleep(0.3)
        Path("share", f".{folders[0].name}").rename(folders[0])
    assert heard.counted("gone") in (1, 2)
    assert len(stored()) == 3


def test_a_database_that_is_taken_away_is_made_again(make_run):
    make_run({"tile": BOTH}, root=Path("share"))
    with watched("share") as heard:
        Path("promptad.duckdb").unlink()
        heard.comes("1 new run (1 category)")
        until(Path("promptad.duckdb").exists)
        assert len(stored()) == 1


def newer_schema_and(then):
    with connect.writing("promptad.duckdb") as connection:
        connection.exec_driver_sql(f"UPDATE {schema.REVISION_TABLE} SET version_num = '9999'")
    then()
    time.sleep(1)


def test_what_does_not_pass_ends_with_the_usual_error(make_run, cli):
    with pytest.raises(InputError, match=r"nowhere: cannot be listed \(No such file"):
        watching.watch("nowhere")
    Path("scores.csv").write_text(TABLE)
    with pytest.raises(UsageError, match="a file, and only folders"):
        watching.watch("scores.csv")
    make_run({"tile": BOTH}, root=Path("share"))
    with pytest.raises(SchemaError, match="pip install -U"), watched("share"):
        newer_schema_and(lambda: make_run({"tile": BOTH}, root=Path("share"), seed=2))
    for words, code, said in (
        (("share", "--watch"), 3, "pip install -U"),
        (("nowhere", "--watch"), 4, "cannot be listed"),
        (("--watch",), 2, "PATH"),
        (("share", "--interval", "5"), 2, "--interval goes with --watch"),
        (("share", "--watch", "--interval", "0.2"), 2, "0.2 is not in the range x>=1"),
        (("share", "--watch", "--db", "mysql://host/name"), 3, "only DuckDB files and PostgreSQL"),
    ):
        answer = cli("ingest", *words)
        assert (answer.code, said in answer.err) == (code, True), answer


def test_links_and_names_that_are_no_text_are_refused_once(make_run):
    outside = make_run({"tile": BOTH}, root=Path("outside"))
    Path("share").mkdir()
    Path("share/there-at-the-start").symlink_to(outside.absolute())
    with watched("share", rounds=6) as heard:
        Path("share", outside.name).symlink_to(outside.absolute())
        heard.comes(f"share/{outside.name}: a link")
        no_text = Path(os.fsdecode(b"share/\xff"))
        no_text.mkdir()
        make_run({}, root=Path("elsewhere")).rename(no_text / "run")
        heard.comes("not UTF-8")
        hostile = Path("share/<script>alert(1)</script>")
        shutil.copytree(outside, hostile)
        heard.comes("<script>")
    assert [heard.counted(text) for text in ("a link", "not UTF-8", "<script>", "rejected")] == [2, 1, 1, 5]
    assert not Path("promptad.duckdb").exists() or stored() == []


def test_a_root_within_a_root_and_a_run_folder_as_root_are_taken_once(make_run):
    first = make_run({"tile": BOTH}, root=Path("share/deep"), status="running")
    Path("alias").symlink_to("share")
    with watched("share", "share/deep", first, "alias") as heard:
        add_category(first, "wood")
        make_run({"tile": BOTH}, root=Path("share/deep"), seed=2)
        heard.comes("1 new run")
        until(lambda: len(stored()) == 3)
    assert heard.counted("rejected") == 0


def test_the_end_asked_for_in_the_first_pass_comes_between_two_transactions(make_run):
    for seed in range(4):
        make_run({"tile": BOTH}, root=Path("share"), seed=seed)
    stop = threading.Event()
    outcome = watching.watch("share", stop=stop, say=lambda _line: None, progress=lambda _what, _done, _all: stop.set())
    assert outcome.added == set()
    assert not Path("promptad.duckdb").exists()
    assert not list(Path("promptad.duckdb.waiting").glob("*.json"))


def test_a_store_is_watched_as_a_folder_is(make_run, store):
    root = folder_at(store)
    with watched(store, interval=0.1) as heard:
        folder = make_run({"tile": BOTH}, root=root / "deep", status="running")
        heard.comes("1 new run")
        add_category(folder, "wood")
        until(lambda: len(stored()) == 2)
        run_folder.update_run(folder, status="finished")
        until(lambda: set(statuses().values()) == {"finished"})
    assert heard.counted("trying again") == 0


def test_another_process_that_writes_to_a_store_is_seen(s3_store):
    with watched(s3_store, interval=0.1) as heard:
        environment = {**os.environ, "PROMPTAD_RUNS": s3_store}
        command = [sys.executable, "-c", WRITER, "tile", "wood"]
        subprocess.run(command, env=environment, check=True, input="\n\n", text=True, capture_output=True)
        until(lambda: heard.counted("new run") and set(statuses().values()) == {"finished"})
        assert [category for _, category in stored()] == ["tile", "wood"]
    assert heard.counted("rejected") == 0


def test_a_store_that_hangs_up_is_asked_again(make_run, sftp_store, sftp_server):
    with watched(sftp_store, interval=0.1) as heard:
        make_run({"tile": BOTH}, root=folder_at(sftp_store))
        heard.comes("1 new run (1 category)")
        sftp_server.hang_up()
        make_run({"tile": BOTH}, root=folder_at(sftp_store), seed=2)
        until(lambda: len(stored()) == 2)
    assert heard.counted("trying again") == heard.counted("working again")


def test_a_signal_ends_it_with_totals_and_a_good_exit_code(make_run):
    make_run({"tile": BOTH})
    with watching_process("runs") as (process, heard):
        heard.comes("watching runs every 1 s")
        process.terminate()
        assert process.wait(20) == 0
    assert [line[10:].split(" after ")[0].rstrip() for line in heard] == [
        "1 new runs",
        "watching runs every 1 s",
        "ended",
    ]
    assert heard[-1].rstrip().endswith(": 1 new run (1 category)")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_another_process_is_watched_until_a_signal_ends_it_well(number):
    Path("runs").mkdir()
    with watching_process("runs") as (process, heard):
        heard.comes("watching runs every 1 s")
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, "tile", "wood"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as writer:
            for categories in (["tile"], ["tile", "wood"]):
                assert writer.stdout.readline().strip() == categories[-1]
                until(lambda wanted=categories: Path("promptad.duckdb").exists() and [c for _, c in stored()] == wanted)
                assert set(statuses().values()) == {"running"}
                writer.stdin.write("\n")
                writer.stdin.flush()
        until(lambda: set(statuses().values()) == {"finished"})
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 5
    assert heard[-1].rstrip().endswith(": 1 new run (2 categories)")
    assert heard[-1][2] == heard[-1][5] == ":"


def test_a_signal_ends_a_watcher_that_waits_for_a_lock_and_a_second_one_at_once(monkeypatch, make_run):
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "600")
    make_run({"tile": BOTH})
    with locked(Path("promptad.duckdb"), exclusive=True), watching_process("runs") as (process, heard):
        until(lambda: list(Path().glob("promptad.duckdb.waiting/*.ticket.json")))
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert "aborted" in heard[-1]


@pytest.mark.slow
def test_two_watchers_and_ingests_beside_them_share_one_database_file(make_run):
    Path("runs").mkdir()
    with watching_process("runs") as (one, heard_one), watching_process("runs") as (two, heard_two):
        heard_one.comes("watching")
        heard_two.comes("watching")
        for seed in range(30):
            make_run({"tile": BOTH, "wood": BOTH}, seed=seed)
            if seed % 10 == 5:
                command = [sys.executable, "-m", "promptad_db", "ingest", "runs"]
                subprocess.run(command, check=True, capture_output=True)
        until(lambda: len(stored()) == 60)
        time.sleep(2.5)
        for process in (one, two):
            process.terminate()
            assert process.wait(20) == 0
    assert len(stored()) == len(set(stored())) == 60
    assert not [line for line in heard_one + heard_two if "rejected" in line]
