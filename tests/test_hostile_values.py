"""One run among others that holds what no field may hold: it is named with the reason, and nobody else suffers."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_values import fields_of, hostile_values

from promptad_db import ingest, open_db, run_folder, start_run
from promptad_db.errors import InputError, PromptadError
from promptad_db.limits import LARGEST_RUN_FILE, LARGEST_SIGMA
from promptad_db.records import CategoryResult, Metric, ModelNames, Render, RunInfo, SourceNames, Timings
from promptad_db.storage import files
from promptad_db.sweeps.grid import Grid
from promptad_db.sweeps.record import read_record, recording

MOST_SECONDS, MOST_BYTES = 2.0, 300 << 20
SIZE = {"height": 240, "width": 240}
DEEP = "x"
for _ in range(100):
    DEEP = [DEEP]


def cases(kind, *, below=""):
    return {
        f"{below}{name} {what}": (f"{below}{name}", value)
        for name, schema in fields_of(kind).items()
        for what, value in hostile_values(schema).items()
    }


RUN = cases(RunInfo) | cases(ModelNames, below="model.") | cases(SourceNames, below="source.") | cases(Render, below="render.") | {
    f"{name} {value}": (name, value)
    for name in ("created_at", "finished_at")
    for value in (
        "yesterday", "2024-01-01", "2024-01-01T00:00:00", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00",
        "9999-12-31T23:59:59-14:00", "1969-12-31T23:00:00+00:00", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00+24:00",
    )
} | {
    "a blank experiment": ("experiment", " \t"), "a blank tag": ("tags", [" "]),
    "a sigma of 1e7": ("render.gaussian_sigma", 1e7), "a sigma of 1e9": ("render.gaussian_sigma", 1e9),
    "65536 x 1": ("render.height", 65536), "too many pixels": ("render", {"height": 16384, "width": 16384}),
    "a deep config": ("config", {"a": DEEP}), "NUL in a config": ("config", {"a": [{"b\0": 1}]}),
    "half a character in a config": ("config", {"a": ["\ud800"]}),
    "a config of a million keys": ("config", {f"key {index}": index for index in range(10**6)}),
}  # fmt: skip
RAW = {
    "1e400": ("config", '{"a": 1e400}'), "NaN": ("config", '{"a": NaN}'), "10**5000": ("seed", "1" + "0" * 5000),
    "a seed of 1e400": ("seed", "1e400"), "nested 100,000 times": ("environment", '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"),
}  # fmt: skip
METRIC = cases(Metric)
TIMINGS = cases(Timings) | {
    f"seconds {value!r}"[:40]: ("seconds", {"encode": value})
    for value in (-1, 1e308, 1e9 + 1, 10**400, True, None, "1", [1], {"a": 1})
} | {"a stage with NUL": ("seconds", {"a\0": 1}), "a long stage": ("seconds", {"x" * 1000: 1})}  # fmt: skip
GOOD_METRIC = {"level": "image", "branch": "max", "metric": "auroc", "value": 0.5, "provenance": "reported"}


def category(name="carpet"):
    numbers = {"semantic": 0.8, "memory": 0.9}
    return CategoryResult(
        name, metrics=[Metric("image", branch, "auroc", value, "reported") for branch, value in numbers.items()]
    )


def new_run(name, seed=1):
    info = RunInfo(
        name, "e", "m", "v", "cls", "d", 1, seed, "2024-01-01T00:00:00+00:00", status="finished", render=Render(**SIZE)
    )
    folder = run_folder.create_run(Path("runs"), info)
    run_folder.write_category(folder, category())
    return folder


def put(content, field, value):
    """The content with a value in a field, which may be within another: render.height."""
    outer, _, inner = field.partition(".")
    return {**content, outer: {**(content[outer] or {}), inner: value} if inner else value}


def unsealed(folder):
    """A category as older versions wrote it: without a manifest of its files."""
    (folder / "manifest.json").unlink()
    return folder


def rewritten(path, field, value, raw=None):
    content = json.loads(path.read_text())
    text = json.dumps(put(content, field, "RAW" if raw else value))
    path.write_text(text.replace('"RAW"', raw) if raw else text)


def measured(read):
    """What a reader says against its file, in little time and memory."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(InputError) as error:
            read()
        assert time.process_time() - start < MOST_SECONDS
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    assert len(str(error.value)) < 2100
    return str(error.value)


@pytest.mark.parametrize(("field", "value"), RUN.values(), ids=RUN)
def test_a_hostile_value_in_a_run_file_is_refused_by_its_name(field, value):
    folder = new_run("bad")
    rewritten(folder / "run.json", field, value)
    reason = measured(lambda: run_folder.read_run(folder))
    assert reason.startswith(f"{folder / 'run.json'}: ")
    too_large = (folder / "run.json").stat().st_size > LARGEST_RUN_FILE
    assert ("too large" if too_large else "nested too deeply" if value == {"a": DEEP} else field) in reason


@pytest.mark.parametrize(("field", "raw"), RAW.values(), ids=RAW)
def test_hostile_json_in_a_run_file_is_refused(field, raw):
    folder = new_run("bad")
    rewritten(folder / "run.json", field, None, raw)
    assert measured(lambda: run_folder.read_run(folder)).startswith(f"{folder / 'run.json'}: ")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", {"task": "\ud800"}), ("run.json", {"\ud800": 1}), ("run.json", {"render": {"\ud800": 1, **SIZE}}),
        ("carpet/metrics.json", [{"level": "\ud800"}]), ("carpet/metrics.json", [GOOD_METRIC | {"\ud800": 1}]),
        ("carpet/timings.json", {"\ud800": 1, "seconds": {}}), ("carpet/timings.json", {"seconds": {"\ud800": 1}}),
    ],
)  # fmt: skip
def test_half_a_character_is_refused_wherever_it_stands(file, content):
    folder = new_run("bad")
    unsealed(folder / "carpet")
    old = json.loads((folder / file).read_text()) if file == "run.json" else {}
    (folder / file).write_text(json.dumps(content if isinstance(content, list) else old | content))
    read = run_folder.read_run if file == "run.json" else lambda folder: run_folder.read_category(folder, "carpet")
    reason = measured(lambda: read(folder))
    assert reason.startswith(f"{folder / file}: ")
    assert "half a character" in reason


@pytest.mark.parametrize(("field", "value"), METRIC.values(), ids=METRIC)
def test_a_hostile_value_in_a_number_is_refused_by_its_name(field, value):
    path = unsealed(new_run("bad") / "carpet") / "metrics.json"
    path.write_text(json.dumps([GOOD_METRIC, put({**GOOD_METRIC, "branch": "mean"}, field, value)]))
    assert f"metrics.json: [1].{field}: must be" in measured(
        lambda: run_folder.read_category(Path("runs/bad"), "carpet")
    )


@pytest.mark.parametrize(("field", "value"), TIMINGS.values(), ids=TIMINGS)
def test_hostile_seconds_are_refused_by_their_stage(field, value):
    path = unsealed(new_run("bad") / "carpet") / "timings.json"
    path.write_text(json.dumps(put({"images": 1, "seconds": {}}, field, value)))
    assert f"timings.json: {field}" in measured(lambda: run_folder.read_category(Path("runs/bad"), "carpet"))


def test_one_hostile_run_of_each_kind_is_rejected_and_all_others_are_taken(cli):
    good = [new_run(f"good{seed}", seed).name for seed in range(3)]
    bad = []
    for number, (field, value) in enumerate(RUN.values()):
        if "million" not in str(field) and not (isinstance(value, dict) and len(value) > 1000):
            folder = new_run(f"bad{number}")
            rewritten(folder / "run.json", field, value)
            bad.append(folder.name)
    answer = cli("ingest", "runs")
    assert answer.code == 4
    assert "Traceback" not in answer.err
    assert "this is a bug" not in answer.err
    assert len(bad) >= 60
    for name in bad:
        assert f"/{name}/run.json: " in answer.err
    assert sorted(row[0] for row in open_db().query("SELECT run_id FROM runs").rows) == good
    for command in (("report",), ("check",), ("audit",), ("runs", "list"), ("plot", "dumbbell", "-o", "gaps.svg")):
        answer = cli(*command)
        assert answer.code in (0, 1, 5), answer.err
        assert "bug" not in answer.err


def test_a_category_with_a_hostile_number_is_rejected_and_the_others_of_its_run_are_taken(cli):
    folder = new_run("one")
    run_folder.write_category(folder, category("tile"))
    (unsealed(folder / "carpet") / "metrics.json").write_text(json.dumps([GOOD_METRIC | {"branch": "a\0b"}]))
    (folder / "%00").mkdir()
    (folder / "%00" / "metrics.json").write_text("[]")
    answer = cli("ingest", "runs")
    assert answer.code == 4
    assert "carpet/metrics.json: [0].branch: must be a text" in answer.err
    assert "%00: category" in answer.err
    assert open_db().query("SELECT DISTINCT category FROM metrics").rows == [("tile",)]


@pytest.mark.parametrize("scores", [[1e308, 1.7e308, 1.7e308], [-1.7e308, 1.7e308, 0.0], [1e200, 1e200, 1e200]])
def test_the_largest_scores_have_a_mean_and_a_spread(cli, scores):
    with start_run(**CLS) as run:
        run.log_category(
            "c", images=["a", "b", "c"], labels=[0, 1, 1], branches={"semantic": scores, "memory": [1, 2, 3]}
        )
    query = "SELECT mean, std FROM branch_stats WHERE branch = 'semantic'"
    mean, std = open_db().query(query).rows[0]
    parts = np.array(scores) / 1e300
    assert np.allclose([mean / 1e300, std / 1e300], [parts.mean(), parts.std()], atol=0)
    for command in (("report",), ("audit",), ("check",)):
        assert cli(*command).code in (0, 1)


CLS = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 111, "method": "mine"}
STARTED = {
    "a text for k_shot": {"k_shot": "1"}, "half a shot": {"k_shot": 1.5}, "a true k_shot": {"k_shot": True},
    "a huge seed": {"seed": 2**63}, "a seed of 5000 digits": {"seed": 10**5000}, "a blank experiment": {"experiment": " "},
    "NUL": {"method": "a\0"}, "half a character": {"variant": "\ud800"}, "no text": {"dataset": 5}, "a text of tags": {"tags": "abc"},
    "a tag with NUL": {"tags": ["a\0"]}, "a long note": {"note": "x" * 100_001}, "a deep config": {"config": {"a": DEEP}},
    "NUL in the config": {"config": {"a": "\0"}}, "no JSON": {"config": {"a": object()}}, "NaN": {"config": {"a": float("nan")}},
    "a wide Gaussian": {"render": Render(240, 240, gaussian_sigma=1e9)}, "no height": {"render": Render(0, 240)},
    "too many pixels": {"render": (16384, 16384)}, "a long edge": {"render": (65536, 1)}, "no score": {"image_score": "foo"},
    "a name that is none": {"model": {"name": 5}}, "a large config": {"config": {"a": "x" * LARGEST_RUN_FILE}},
}  # fmt: skip


@pytest.mark.parametrize("arguments", STARTED.values(), ids=STARTED)
def test_a_run_is_not_started_with_what_its_file_could_not_hold(arguments):
    (name,) = arguments
    with pytest.raises(PromptadError) as error:
        start_run(**CLS | arguments, db=False)
    assert name in str(error.value) or "run.json" in str(error.value)
    assert not Path("runs").exists() or not list(Path("runs").iterdir())


def test_numbers_of_numpy_are_taken_as_those_of_python():
    render = Render(np.int64(24), np.int32(24), gaussian_sigma=np.float32(2.0))
    with start_run(**CLS | {"k_shot": np.int64(2), "seed": np.uint8(7)}, render=render, db=False) as run:
        pass
    info = run_folder.read_run(run.folder)
    assert (info.k_shot, info.seed, info.render) == (2, 7, Render(24, 24, "bilinear", 2.0))


LOGGED = {
    "a category with NUL": {"category": "a\0"}, "a long category": {"category": "x" * 300}, "a long category in bytes": {"category": "漢" * 90},
    "a branch with NUL": {"branches": {"a\0": [0.1, 0.2]}}, "a long branch": {"branches": {"x" * 501: [0.1, 0.2]}},
    "an image with NUL": {"images": ["a", "b\0"]}, "half a character": {"images": ["a", "b\ud800"]},
    "a defect with NUL": {"defect_types": ["a", "\0"]}, "seconds beyond a life": {"timings": {"a": 1e308}},
    "a stage with NUL": {"timings": {"a\0": 1}}, "a category of blanks": {"category": "  "},
}  # fmt: skip


@pytest.mark.parametrize("arguments", LOGGED.values(), ids=LOGGED)
def test_a_category_is_not_logged_with_what_its_files_could_not_hold(arguments):
    given = {"category": "carpet", "images": ["a", "b"], "labels": [0, 1], "branches": {"memory": [0.1, 0.2]}}
    with start_run(**CLS, db=False) as run:
        with pytest.raises(InputError):
            run.log_category(**given | arguments)
        assert [path.name for path in run.folder.iterdir()] == ["run.json"]


def test_tags_and_notes_that_could_not_be_read_back_are_refused_and_nothing_changes(cli):
    new_run("one")
    ingest("runs")
    before = Path("runs/one/run.json").read_bytes()
    for command in (
        ("tag", "one", "x" * 501),
        ("tag", "one", " "),
        ("note", "one", "x" * 100_001),
        ("tag", "one", "a\udc80"),
    ):
        answer = cli("runs", *command)
        assert answer.code == 4, answer.err
        assert "must be a" in answer.err
        assert Path("runs/one/run.json").read_bytes() == before


def test_categories_named_as_the_files_of_a_run_leave_these_alone(cli):
    folder = new_run("one")
    names = [
        "run.json",
        "RUN.JSON.",
        "manifest.json",
        "complete.json",
        ".hidden",
        "a.tmp-0",
        "b.old-0",
        "é",
        "e\u0301",
        "end ",
        "end.",
    ]
    for name in names:
        run_folder.write_category(folder, category(name))
    assert (folder / "run.json").is_file()
    assert run_folder.list_categories(folder) == sorted([*names, "carpet"])
    assert all(run_folder.read_category(folder, name).category == name for name in names)
    assert cli("ingest", "runs").code == 0
    assert open_db().query("SELECT COUNT(DISTINCT category) FROM metrics").rows == [(len(names) + 1,)]


@pytest.mark.parametrize("name", ["RUN.JSON", "manifest.json", "complete.json", "a.tmp-b"])
def test_a_category_that_an_older_version_wrote_under_such_a_name_is_read_and_replaced(cli, name):
    folder = new_run("one")
    run_folder.write_category(folder, category(name))
    (folder / files.folder_name(name)).rename(folder / name)
    assert run_folder.list_categories(folder) == sorted([name, "carpet"])
    assert run_folder.read_category(folder, name) == category(name)
    assert cli("ingest", "runs").code == 0
    run_folder.write_category(folder, category(name), replace_existing=True)
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "carpet", "run.json"])


def test_categories_that_differ_only_in_case_stand_side_by_side_where_the_file_system_keeps_them_apart(cli):
    folder = new_run("one")
    run_folder.write_category(folder, category("Carpet"))
    assert run_folder.list_categories(folder) == ["Carpet", "carpet"]
    assert cli("ingest", "runs").code == 0
    assert open_db().query("SELECT DISTINCT category FROM metrics ORDER BY 1").rows == [("Carpet",), ("carpet",)]


@pytest.mark.parametrize("replace_existing", [False, True])
def test_nothing_that_is_no_category_is_replaced_by_one(replace_existing):
    """A file, or the category of another case on a file system that takes it for this one."""
    folder = new_run("one")
    (folder / "Carpet").write_text("not a category")
    with pytest.raises(InputError, match="Carpet: there is the category 'carpet'"):
        run_folder.write_category(folder, category("Carpet"), replace_existing=replace_existing)
    (folder / "notes").write_text("not a category")
    with pytest.raises(InputError, match="notes: there is something else"):
        run_folder.write_category(folder, category("notes"), replace_existing=replace_existing)
    assert (folder / "notes").read_text() == (folder / "Carpet").read_text() == "not a category"


def test_the_largest_values_are_taken_and_reported(cli):
    info = RunInfo(
        "most", "x" * 500, "m", "v", "cls", "d", 1_000_000, -(2**62), "1970-01-01T00:00:00+00:00",
        finished_at="2200-12-31T23:59:59+00:00", status="finished", render=Render(16384, 4096, "bilinear", LARGEST_SIGMA),
        tags=tuple(f"tag {index}" for index in range(1000)), note="x" * 100_000, config={"a": "\\u0000"},
    )  # fmt: skip
    folder = run_folder.create_run(Path("runs"), info)
    result = category()
    result.metrics = [
        Metric("image", one.branch, "auroc", one.value, "reported", n_pos=2**53, n_neg=2**53) for one in result.metrics
    ]
    result.timings = {"encode": 1e9, "fuse": 1e9}
    run_folder.write_category(folder, result)
    assert run_folder.read_run(folder) == info
    assert cli("ingest", "runs").code == 0
    for command in (
        ("report",),
        ("check",),
        ("runs", "list"),
        ("runs", "show", "most"),
        ("sql", "SELECT SUM(n_pos), SUM(seed) FROM metrics, runs"),
    ):
        assert cli(*command).code == 0


TABLE = "dataset,category,k_shot,seed,task,branch,image,label,score,method,variant,experiment,defect_type\n"
GOOD_ROW = {"dataset": "mvtec", "category": "good", "k_shot": 1, "seed": 1, "task": "cls", "branch": "memory"}
GOOD_ROW |= {
    "image": "",
    "label": 0,
    "score": 0.5,
    "method": "m",
    "variant": "v",
    "experiment": "e",
    "defect_type": "none",
}


TEXTS = ("dataset", "category", "branch", "image", "method", "variant", "experiment", "defect_type")


def rows_with_a_nul(column):
    bad = GOOD_ROW | {"category": "bad"}
    bad[column] += "x\0y"
    return [
        row | {"image": f"{row['image']}{index}", "label": index % 2} for row in (GOOD_ROW, bad) for index in range(4)
    ]


@pytest.mark.parametrize("column", TEXTS)
def test_a_hostile_text_in_a_parquet_table_is_named_and_the_rest_of_the_table_is_kept(cli, column):
    rows = rows_with_a_nul(column)
    pq.write_table(pa.table({name: [row[name] for row in rows] for name in rows[0]}), "scores.parquet")
    answer = cli("ingest", "scores.parquet")
    assert answer.code == 4
    assert answer.err.startswith("rejected: scores.parquet: ")
    assert "without NUL" in answer.err
    assert open_db().query("SELECT DISTINCT category FROM metrics").rows == [("good",)]
    assert cli("report").code == 0
    assert cli("check").code == 1  # all scores are equal


@pytest.mark.parametrize("column", TEXTS)
def test_a_csv_table_with_a_nul_byte_is_no_text_and_refused_with_the_line(cli, column):
    lines = [",".join(str(row[name]) for name in TABLE.strip().split(",")) for row in rows_with_a_nul(column)]
    Path("scores.csv").write_text(TABLE + "\n".join(lines) + "\n")
    answer = cli("ingest", "scores.csv")
    assert answer.code == 4
    assert answer.err.startswith("rejected: scores.csv: line 6 holds NUL bytes")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("k_shots", ["four"]),
        ("seeds", [2**63]),
        ("tasks", ["det"]),
        ("experiment", "a\0"),
        ("variants", "baseline"),
        ("options", []),
    ],
)
def test_a_hostile_value_in_the_record_of_a_sweep_is_refused_by_its_name(field, value):
    with recording(Path("runs"), Grid("e", {"mvtec": Path("images")})) as record:
        pass
    content = json.loads(record.path.read_text())
    del content["sha256"]
    record.path.write_text(json.dumps(content | {"grid": content["grid"] | {field: value}}))
    with pytest.raises(InputError, match=rf"e\.json: grid\.{field}") as error:
        read_record(Path("runs"), "e")
    assert "start the sweep again" in str(error.value)
