"""What every place of run folders does: a new one subclasses ``RunStorageContract`` and gives it one fixture."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from stores import snapshot

import promptad_db
from promptad_db import run_folder
from promptad_db.errors import InputError
from promptad_db.records import CategoryResult, Metric, Render, RunInfo
from promptad_db.run_folder import folder as whole_folders
from promptad_db.run_folder.places import storage_of
from promptad_db.storage import folder_at, is_remote, write_object

# A semicolon is left out: the Google Cloud Storage emulator takes it for the end of a name.
NAMES = (
    "carpet", "a/b", "[x]*?", "ü #1", "100%", "..", "<script>alert(1)</script>", "x&y=1", "'quoted'", ".hidden", " lead",
    "naïve 💥", "%2F", "run.json", "manifest.json", "complete.json", "a.tmp-b",
)  # fmt: skip
INFO = RunInfo(
    run_id="20240101T000000-mvtec-k1-s111-cls-0badcafe",
    experiment="e",
    method="m",
    variant="baseline",
    task="cls",
    dataset="mvtec",
    k_shot=1,
    seed=111,
    created_at="2024-01-01T00:00:00+00:00",
)

KILLED = """
import os, sys
from promptad_db.run_folder.places import storage_of
from promptad_db.storage import folder_at

def write(empty):
    (empty / "metrics.json").write_text("half")
    os._exit(9)

storage_of(folder_at(sys.argv[1])).write(sys.argv[2], write, keep_rest=False)
"""


def log(root, category="carpet", *, seed=0, images=6, db=False, maps=False, **settings):
    """Log a small run, which is the same wherever it goes; its folder."""
    rng = np.random.default_rng(seed)
    labels = [0, 1] * (images // 2)
    given = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": seed, "method": "m", **settings}
    with promptad_db.start_run(**given, runs=root, db=db) as run:
        for name in [category] if isinstance(category, str) else category:
            branches = {name: rng.random(images) for name in ("semantic", "memory")}
            if maps:
                branches = {name: rng.random((images, 4, 4), dtype=np.float32) for name in branches}
            run.log_category(name, images=[f"{n}.png" for n in range(images)], branches=branches, labels=labels)
    return run.folder


def reported(category, value=0.5, **more):
    return CategoryResult(category, metrics=[Metric("image", "semantic", "auroc", value, "reported")], **more)


def files_below(folder):
    """All files below a folder, by their names relative to it, as they are now."""
    if is_remote(folder):
        return snapshot(str(folder))
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def names_in(folder):
    return {name.partition("/")[0] for name in files_below(folder)}


def damage(folder, category, file, content):
    """Put other bytes into a file of a category."""
    (name,) = [name for name in files_below(folder) if name.startswith(f"{category}/") and name.endswith(f"/{file}")]
    if is_remote(folder):
        write_object(folder / name, content)
    else:
        (folder / name).write_bytes(content)


class RunStorageContract:
    """A subclass has the fixture ``root``: a folder, new and empty, for run folders."""

    @pytest.fixture
    def folder(self, root):
        """A run without categories."""
        return run_folder.create_run(root, INFO)

    def test_a_run_reads_as_one_on_this_machine(self, root, tmp_path):
        there, here = log(root, NAMES), log(tmp_path / "here", NAMES)
        assert run_folder.find_runs(root) == [there]
        assert run_folder.list_categories(there) == run_folder.list_categories(here) == sorted(NAMES)
        assert run_folder.read_run(there).status == "finished"
        for name in NAMES:
            one, other = run_folder.read_category(there, name), run_folder.read_category(here, name)
            assert (one.category, one.images, one.metrics) == (other.category, other.images, other.metrics)
            assert all(np.array_equal(one.scores[branch], other.scores[branch]) for branch in other.scores)
            assert run_folder.category_fingerprint(there, name) == run_folder.category_fingerprint(here, name)
            assert not run_folder.has_weights(there, name)

    def test_a_run_is_made_once(self, root, folder):
        assert folder == root / INFO.run_id
        with pytest.raises(InputError, match="of this id exists"):
            run_folder.create_run(root, replace(INFO, note="another"))
        assert run_folder.read_run(folder) == INFO

    def test_an_update_changes_its_fields_and_keeps_the_others(self, folder):
        changes = {"status": "finished", "render": Render(240, 240), "note": "naïve 💥", "tags": ("a",)}
        assert run_folder.update_run(folder, **changes) == replace(INFO, **changes) == run_folder.read_run(folder)
        assert names_in(folder) == {"run.json"}

    def test_a_category_is_logged_once_unless_it_is_replaced(self, folder):
        run_folder.write_category(folder, reported("carpet", 0.25))
        with pytest.raises(InputError, match="logged already"):
            run_folder.write_category(folder, reported("carpet", 0.75))
        assert run_folder.read_category(folder, "carpet").metrics[0].value == 0.25
        run_folder.write_category(folder, reported("carpet", 0.75), replace_existing=True)
        assert run_folder.read_category(folder, "carpet").metrics[0].value == 0.75
        assert names_in(folder) == {"carpet", "run.json"}

    def test_a_replaced_category_leaves_nothing_of_the_old_one_and_touches_no_other(self, folder):
        scores = {"semantic": np.array([0.5])}
        for name in ("[x]", "x"):
            run_folder.write_category(folder, CategoryResult(name, ["a"], scores=scores, timings={"encode": 1.0}))
        before = files_below(folder)
        run_folder.write_category(folder, reported("[x]"), replace_existing=True)
        after = files_below(folder)
        assert run_folder.read_category(folder, "[x]") == reported("[x]")
        replaced = {name.rpartition("/")[2] for name in after.keys() - {n for n in after if n.startswith("x/")}}
        assert replaced - {"complete.json"} == {"manifest.json", "metrics.json", "run.json"}
        others = [{name: found[name] for name in found if name.startswith("x/")} for found in (before, after)]
        assert others[0] == others[1] != {}

    def test_what_a_result_lacks_stays_with_the_category_when_it_is_asked_for(self, folder):
        weights = {"gallery_1": np.ones((1, 2, 3), np.float32)}
        run_folder.write_category(folder, reported("carpet", weights=weights))
        run_folder.write_category(folder, reported("carpet", 0.75), replace_existing=True, keep_rest=True)
        assert run_folder.has_weights(folder, "carpet")
        assert run_folder.read_category_weights(folder, "carpet")["gallery_1"].shape == (1, 2, 3)
        assert run_folder.read_category(folder, "carpet").metrics[0].value == 0.75
        run_folder.write_category(folder, reported("carpet"), replace_existing=True)
        assert not run_folder.has_weights(folder, "carpet")

    @pytest.mark.parametrize("replace_existing", [False, True])
    def test_an_error_while_writing_leaves_nothing_new(self, folder, replace_existing):
        run_folder.write_category(folder, reported("carpet"))
        before = files_below(folder)
        twice = {"images": ["a", "a"], "scores": {"semantic": np.array([0.1, 0.2])}}
        not_json = {"timings": {"encode": float("nan")}}
        for category in ("carpet", "grid"):
            for wrong in (twice, not_json):
                with pytest.raises(ValueError):
                    run_folder.write_category(
                        folder, CategoryResult(category, **wrong), replace_existing=replace_existing
                    )
        assert files_below(folder) == before

    def test_the_fingerprint_changes_when_and_only_when_the_content_does(self, folder):
        def fingerprint(**fields):
            given = {"images": ["a", "b"], "scores": {"semantic": np.array([0.1, 0.2])}} | fields
            run_folder.write_category(folder, CategoryResult("carpet", **given), replace_existing=True)
            return run_folder.category_fingerprint(folder, "carpet")

        first = fingerprint()
        assert fingerprint() == first
        others = [
            fingerprint(images=["a", "c"]),
            fingerprint(labels=np.array([0, 1], np.int8)),
            fingerprint(scores={"semantic": np.array([0.1, np.nextafter(0.2, 1)])}),
            fingerprint(scores={"memory": np.array([0.1, 0.2])}),
            fingerprint(metrics=[Metric("image", "semantic", "auroc", 0.5, "reported")]),
            fingerprint(timings={"encode": 1.0}),
        ]
        assert len({first, *others}) == 7
        assert fingerprint() == first

    def test_what_is_not_there_is_refused(self, root, folder):
        for ask in (run_folder.read_category, run_folder.category_fingerprint, run_folder.examine_category):
            with pytest.raises(InputError, match="not a category folder"):
                ask(folder, "carpet")
        assert storage_of(folder).writing_of("carpet") is None
        assert not run_folder.is_run_folder(root / "nothing")
        assert run_folder.stamp(root / "nothing") is None

    def test_damage_is_found_named_and_taken_as_right_when_it_is_accepted(self, folder):
        run_folder.write_category(folder, reported("carpet"))
        run_folder.write_category(folder, reported("grid"))
        damage(folder, "carpet", "metrics.json", b"{} ")
        for ask in (run_folder.read_category, run_folder.category_fingerprint):
            if is_remote(folder) and ask is run_folder.category_fingerprint:
                continue  # a store tells of the fingerprint without reading the files
            with pytest.raises(InputError, match=r"carpet/metrics\.json: damaged: has 3 bytes") as error:
                ask(folder, "carpet")
            assert str(error.value).startswith(str(folder))
        assert [name for name, _ in run_folder.examine_category(folder, "carpet").problems] == ["metrics.json"]
        assert run_folder.examine_category(folder, "grid").problems == ()
        with pytest.raises(InputError):
            run_folder.accept_changes(folder, ["carpet"])  # what cannot be read cannot be right
        changed = reported("carpet", 0.75)
        run_folder.write_category(folder, changed, replace_existing=True)
        (text,) = [c for name, c in files_below(folder).items() if name.endswith("metrics.json") and b"0.75" in c]
        damage(folder, "carpet", "metrics.json", text.replace(b"0.75", b"0.25"))
        run_folder.accept_changes(folder, ["carpet"])
        assert run_folder.examine_category(folder, "carpet").problems == ()
        assert run_folder.read_category(folder, "carpet").metrics[0].value == 0.25

    def test_a_category_that_is_replaced_while_it_is_read_is_whole(self, folder, monkeypatch):
        run_folder.write_category(folder, reported("carpet", 0.25, timings={"encode": 0.25}))
        read, replaced = whole_folders.read_category_files, []

        def replace_first(content, category):
            if not replaced:
                replaced.append(category)
                new = reported("carpet", 0.75, timings={"encode": 0.75})
                run_folder.write_category(folder, new, replace_existing=True)
            return read(content, category)

        monkeypatch.setattr(whole_folders, "read_category_files", replace_first)
        for _ in range(2):
            result = run_folder.read_category(folder, "carpet")
            assert result.metrics[0].value == result.timings["encode"]
        assert result.metrics[0].value == 0.75

    def test_a_reader_beside_a_writer_finds_whole_categories_only(self, folder):
        run_folder.write_category(folder, reported("carpet", 0.5, timings={"encode": 0.5}))

        def write_all():
            for number in range(8):
                value = number / 8
                new = reported("carpet", value, timings={"encode": value})
                run_folder.write_category(folder, new, replace_existing=True)

        writer = threading.Thread(target=write_all)
        writer.start()
        while writer.is_alive():
            assert run_folder.list_categories(folder) == ["carpet"]
            result = run_folder.read_category(folder, "carpet")
            assert result.metrics[0].value == result.timings["encode"]
        writer.join()
        assert run_folder.read_category(folder, "carpet").metrics[0].value == 7 / 8

    def test_the_stamp_changes_with_every_finished_category(self, folder):
        seen = [run_folder.stamp(folder)]
        for category in ("carpet", "grid"):
            run_folder.write_category(folder, reported(category))
            seen.append(run_folder.stamp(folder))
        run_folder.write_category(folder, reported("grid"), replace_existing=True)
        seen.append(run_folder.stamp(folder))
        run_folder.update_run(folder, note="longer than before")
        seen.append(run_folder.stamp(folder))
        assert len(set(seen)) == len(seen)
        assert run_folder.stamp(folder) == seen[-1]

    def test_times_are_those_of_the_last_writing(self, folder):
        for name in ("carpet", "a/b"):
            run_folder.write_category(folder, reported(name))
        written, categories = run_folder.times(folder)
        assert categories.keys() == {"carpet", "a/b"}
        for time in (written, *categories.values()):
            assert abs(datetime.now(UTC) - time) < timedelta(minutes=5)

    def test_what_was_learned_is_gathered_into_the_run(self, folder):
        for name in ("carpet", "a/b"):
            run_folder.note_learned(folder, name, {"of": name})
        assert run_folder.gather_learned(folder).config["learned"] == {"carpet": {"of": "carpet"}, "a/b": {"of": "a/b"}}
        assert run_folder.gather_learned(folder) == run_folder.read_run(folder)
        assert names_in(folder) == {"run.json"}

    def test_a_run_whose_name_begins_as_anothers_is_not_part_of_it(self, root):
        one, two = (run_folder.create_run(root, replace(INFO, run_id=name)) for name in ("run", "run2"))
        for folder, category in ((one, "a"), (two, "b")):
            run_folder.write_category(folder, reported(category))
        assert run_folder.list_categories(one) == ["a"]
        assert run_folder.stamp(root / "ru") is None

    def test_runs_at_any_depth_are_found(self, root):
        one, two = (
            run_folder.create_run(root / parent, replace(INFO, run_id=run_id))
            for parent, run_id in (("alice", "one"), ("bob/deeper", "two"))
        )
        assert list(run_folder.walk_runs(root)) == [one, two]
        assert run_folder.find_runs(root) == []
        assert list(run_folder.walk_runs(one)) == [one]

    def test_a_discarded_run_is_in_the_trash_beside_it(self, root, folder):
        for discarded in range(2):  # the second time over the first one
            if discarded:
                run_folder.create_run(root, INFO)
            for name in ("carpet", "[x]"):
                run_folder.write_category(folder, reported(name, discarded / 4))
            before = files_below(folder)
            moved = run_folder.discard(folder)
            assert moved == folder.parent / ".trash" / folder.name
            assert files_below(moved) == before
        assert run_folder.find_runs(root) == []
        assert list(run_folder.walk_runs(root)) == []

    def test_finished_categories_stay_when_leftovers_are_taken_away(self, folder):
        run_folder.write_category(folder, reported("carpet"))
        before = files_below(folder)
        assert not storage_of(folder).interrupted()
        run_folder.recover_interrupted(folder)
        run_folder.remove_unfinished(folder)
        assert files_below(folder) == before

    def test_a_writer_that_is_killed_changes_nothing_that_is_finished(self, folder):
        run_folder.write_category(folder, reported("carpet"))
        before = files_below(folder)
        for category in ("carpet", "grid"):
            done = subprocess.run([sys.executable, "-c", KILLED, str(folder), category], timeout=60, check=False)
            assert done.returncode == 9
        assert run_folder.list_categories(folder) == ["carpet"]
        assert run_folder.read_category(folder, "carpet") == reported("carpet")
        run_folder.remove_unfinished(folder)
        assert files_below(folder) == before

    def test_a_run_is_copied_there_and_back(self, root, tmp_path):
        here = log(tmp_path / "here", NAMES[:4], maps=True)
        there = run_folder.copy_run(here, root)
        before = files_below(there)
        assert run_folder.copy_run(here, root) == there
        assert files_below(there) == before
        back = run_folder.copy_run(there, tmp_path / "back")
        assert files_below(back) == files_below(here)

    def test_a_run_that_is_written_is_not_copied(self, root, tmp_path):
        here = run_folder.create_run(tmp_path / "here", replace(INFO, status="running"))
        with pytest.raises(InputError, match="is running"):
            run_folder.copy_run(here, root)
        assert files_below(root) == {}

    def test_the_database_is_the_same_from_there(self, root, tmp_path):
        database = tmp_path / "one.duckdb"
        there = log(root, NAMES[:4], db=database)
        assert promptad_db.open_db(database).query("SELECT folder FROM runs").rows == [(str(there),)]
        assert promptad_db.open_db(database).query("SELECT COUNT(*) FROM run_categories").rows == [(4,)]
        assert promptad_db.ingest(str(root), db=database).unchanged == [there.name]
        promptad_db.fuse(there.name, "mean", db=database)
        assert "mean" in run_folder.read_category(there, "a/b").scores
        query = "SELECT category, branch, metric, value, provenance FROM metrics ORDER BY ALL"
        numbers = promptad_db.open_db(database).query(query).rows
        other = tmp_path / "other.duckdb"
        assert promptad_db.ingest(str(root), db=other).added == [there.name]
        assert promptad_db.open_db(other).query(query).rows == numbers

    def test_its_address_leads_back_to_it(self, root, folder):
        assert folder_at(str(folder)) == folder
        assert str(folder).startswith(str(root))
