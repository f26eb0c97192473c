"""The long table: grouped into runs, scored exactly, and a category that does not fit together is named and left out."""

import csv
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from promptad_db import ingest
from promptad_db.ingestion.readers import ImportOptions, long_table

COLUMNS = ("dataset", "category", "k_shot", "seed", "task", "branch", "image", "label", "score")
LABELS = [0, 0, 0, 1, 1]
SEMANTIC = [0.1, 0.4, 0.2, 0.3, 0.6]
MEMORY = [0.5, 0.1, 0.2, 0.5, 0.4]


def rows(category="bottle", branches=None, labels=LABELS, **changes):
    """The rows of one category; a change is one value for all rows, or for each image."""
    fixed = {"dataset": "mvtec", "category": category, "k_shot": 1, "seed": 111, "task": "cls"}
    table = []
    for branch, scores in (branches or {"semantic": SEMANTIC, "memory": MEMORY}).items():
        for index, score in enumerate(scores):
            row = fixed | {"branch": branch, "image": f"x/{index}.png", "label": labels[index], "score": score}
            table.append(
                row | {name: value[index] if isinstance(value, list) else value for name, value in changes.items()}
            )
    return table


def write(table, name="scores.csv", columns=None):
    columns = list(columns or dict.fromkeys([*COLUMNS, *(name for row in table for name in row)]))
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist([{column: row[column] for column in columns} for row in table]), name)
    else:
        with Path(name).open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(table)
    return name


def read(*names, **options):
    rejected = []
    paths = [Path(name) for name in names]
    runs = list(long_table.read(paths, ImportOptions(**options), lambda _path, reason: rejected.append(reason)))
    return runs, rejected


def only_run(*names, **options):
    [run], rejected = read(*names, **options)
    assert rejected == []
    return run


def aurocs(run, category="bottle"):
    return {metric.branch: metric.value for metric in run.categories[category].metrics if metric.metric == "auroc"}


def test_branches_and_their_fusions_get_the_aurocs_that_scikit_learn_gives():
    run = only_run(write(rows()))
    fused = {
        "semantic": SEMANTIC,
        "memory": MEMORY,
        "max": np.maximum(SEMANTIC, MEMORY),
        "harmonic": 1 / (1 / np.array(SEMANTIC) + 1 / np.array(MEMORY)),
    }
    assert aurocs(run) == {branch: pytest.approx(roc_auc_score(LABELS, scores)) for branch, scores in fused.items()}
    assert aurocs(run)["semantic"] == 5 / 6
    assert {metric.provenance for metric in run.categories["bottle"].metrics} == {"exact"}
    assert {metric.level for metric in run.categories["bottle"].metrics} == {"image"}


def test_csv_and_parquet_tell_the_same_in_any_order_of_rows_and_columns():
    table = rows(defect_type=["good", "good", "good", "crack", "crack"], note="ignored")
    shuffled = [table[index] for index in (7, 2, 9, 0, 4, 5, 1, 3, 8, 6)]
    results = [
        only_run(write(shuffled, "a.csv")).categories["bottle"],
        only_run(write(shuffled, "a.parquet", columns=reversed(list(shuffled[0])))).categories["bottle"],
    ]
    for result in results:
        assert result.images == ["x/2.png", "x/4.png", "x/0.png", "x/1.png", "x/3.png"]
        assert result.labels.tolist() == [0, 1, 0, 0, 1]
        assert result.defect_types == ["good", "crack", "good", "good", "crack"]
        assert result.scores["semantic"].tolist() == [0.2, 0.6, 0.1, 0.4, 0.3]
        assert result.scores["memory"].tolist() == [0.2, 0.4, 0.5, 0.1, 0.5]
        assert list(result.scores)[:2] == ["memory", "semantic"]


def test_scores_keep_every_bit():
    scores = list(np.random.default_rng(0).random(5))
    for name in ("a.csv", "a.parquet"):
        assert only_run(write(rows(branches={"b": scores}), name)).categories["bottle"].scores["b"].tolist() == scores
    text = only_run(write(rows(branches={"b": [repr(float(score)) for score in scores]}), "t.parquet"))
    assert text.categories["bottle"].scores["b"].tolist() == scores


def test_what_the_file_does_not_tell_comes_from_the_options_or_has_a_default():
    path = write(rows(), columns=[column for column in COLUMNS if column != "seed"])
    run = only_run(path)
    assert (run.kind, run.experiment, run.method, run.variant) == ("long-table", "scores", "unknown", "baseline")
    assert (run.dataset, run.k_shot, run.seed, run.task, run.selection) == ("mvtec", 1, None, "cls", "unknown")
    run = only_run(path, experiment="e", method="m", seed=3)
    assert (run.experiment, run.method, run.seed) == ("e", "m", 3)


def test_every_combination_of_the_key_columns_is_a_run_of_its_own():
    table = [
        *rows(experiment="e", method="m", variant="v", seed=""),
        *rows(experiment="e", method="m", variant="v", seed=""  , category="cable"),
        *rows(experiment="e", method="m", variant="w", seed="2.0"),
        *rows(experiment="", method="m", variant="w", k_shot="4.0"),
        *rows("pcb1", dataset="visa"),
    ]  # fmt: skip
    runs, rejected = read(write(table))
    keys = {(run.experiment, run.method, run.variant, run.dataset, run.k_shot, run.seed) for run in runs}
    assert rejected == []
    assert keys == {
        ("e", "m", "v", "mvtec", 1, None),
        ("e", "m", "w", "mvtec", 1, 2),
        ("scores", "m", "w", "mvtec", 4, 111),
        ("scores", "unknown", "baseline", "visa", 1, 111),
    }
    assert [list(run.categories) for run in runs if run.variant == "v"] == [["bottle", "cable"]]


def test_several_files_of_one_run_become_one_run():
    one, two = write(rows(), "one.csv"), write(rows("cable"), "two.parquet")
    run = only_run(one, two, experiment="e")
    assert set(run.categories) == {"bottle", "cable"}
    assert {path.name for path in run.files} == {"one.csv", "two.parquet"}
    assert len(read(one, two)[0]) == 2


def test_a_category_in_two_files_is_taken_when_equal_and_rejected_when_not():
    one, two = write(rows(), "one.csv"), write(rows(), "two.parquet")
    assert list(only_run(one, two, experiment="e").categories) == ["bottle"]
    three = write(rows(branches={"semantic": MEMORY}), "three.csv")
    [run], [reason] = read(one, three, experiment="e")
    assert aurocs(run)["semantic"] == 5 / 6
    assert reason.startswith("bottle (mvtec, K = 1, seed 111): it is in one.csv already")


@pytest.mark.parametrize("words", [("false", "true"), ("False", "TRUE"), ("0.0", "1.0"), (" 0", "1 ")])
def test_labels_are_read_as_they_are_usually_written(words):
    run = only_run(write(rows(label=[words[label] for label in LABELS])))
    assert run.categories["bottle"].labels.tolist() == LABELS


@pytest.mark.parametrize(
    "kind", [pa.bool_(), pa.float64(), pa.int8(), pa.string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_parquet_labels_of_any_type_are_read(kind):
    table = pa.Table.from_pylist(rows())
    labels = [str(label) for label in LABELS * 2] if "string" in str(kind) else LABELS * 2
    labels = pa.array(labels).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(labels).cast(kind)
    pq.write_table(table.set_column(table.schema.get_field_index("label"), "label", labels), "a.parquet")
    assert only_run("a.parquet").categories["bottle"].labels.tolist() == LABELS


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_category_without_labels_keeps_its_scores_and_has_no_exact_numbers(name):
    result = only_run(write(rows(label=None), name)).categories["bottle"]
    assert result.labels is None
    assert result.metrics == []
    assert result.scores["memory"].tolist() == MEMORY


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (rows(branches={"b": [0.1, "abc", 0.3, 0.4, 0.5]}), "line 3: score 'abc' is not a finite number"),
        (rows(branches={"b": [0.1, 0.2, "nan", 0.4, 0.5]}), "line 4: score 'nan' is not a finite number"),
        (rows(branches={"b": [0.1, 0.2, 0.3, "-inf", 0.5]}), "line 5: score '-inf' is not a finite number"),
        (rows(branches={"b": [0.1, 0.2, 0.3, "1e999", 0.5]}), "line 5: score '1e999' is not a finite number"),
        (rows(branches={"b": [0.1, 0.2, 0.3, 0.4, ""]}), "line 6: score '' is not a finite number"),
        (rows(branches={"b": ["1_0", 0.2, 0.3, 0.4, 1]}), "line 2: score '1_0' is not a finite number"),
        (rows(image=["a", "b", "c", "d", "b"]), "line 6: image 'b' stands twice in branch 'semantic'"),
        (rows()[:9], "branch 'memory' lacks 1 images, such as 'x/4.png'"),
        (rows(label=[0, 0, 2, 1, 1]), "line 4: label '2' is not 0 (normal) or 1 (anomalous)"),
        (rows(label=[0, 0, "", 1, 1]), "line 4: label '' is not 0 (normal) or 1 (anomalous)"),
        (
            rows(branches={"a": MEMORY}) + rows(branches={"b": MEMORY}, labels=[0, 0, 0, 1, 0]),
            "line 11: another label of image 'x/4.png' than further up",
        ),
        (
            rows(branches={"a": MEMORY}) + rows(branches={"b": MEMORY}, defect_type="hole"),
            "line 7: another defect_type of image 'x/0.png' than further up",
        ),
        (rows(image=["a", "", "c", "d", "e"]), "line 3: image is empty"),
        (rows(branches={"": MEMORY}), "line 2: branch is empty"),
    ],
)
def test_a_category_that_does_not_fit_together_is_left_out_and_the_others_are_taken(broken, reason):
    [run], reasons = read(write(broken + rows("cable")))
    assert list(run.categories) == ["cable"]
    assert reasons == [f"bottle (mvtec, K = 1, seed 111): {reason}"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "seg"}, "task is 'seg': a long table holds one score an image; seg needs anomaly maps"),
        ({"task": "nonsense"}, "task is 'nonsense'"),
        ({"dataset": ""}, "give --dataset"),
        ({"k_shot": ""}, "give --k-shot"),
        ({"k_shot": "many"}, "k_shot is 'many'"),
        ({"k_shot": "-1"}, "k_shot is -1"),
        ({"k_shot": "1.5"}, "k_shot is '1.5'"),
        ({"k_shot": "9999999"}, "k_shot is 9999999"),
        ({"seed": "abc"}, "seed is 'abc'"),
        ({"seed": "9" * 30}, "seed is '999"),
        ({"category": ""}, "category is empty"),
    ],
)
def test_rows_of_no_usable_run_are_left_out_and_the_others_are_taken(changes, reason):
    [run], [given] = read(write(rows(**changes) + rows("cable")))
    assert list(run.categories) == ["cable"]
    assert reason in given


def test_options_fill_empty_key_columns():
    run = only_run(write(rows(dataset="", k_shot="", seed="")), dataset="visa", k_shot=2, seed=5)
    assert (run.dataset, run.k_shot, run.seed) == ("visa", 2, 5)


def test_a_parquet_row_is_named_by_its_number():
    _, [reason] = read(write(rows(branches={"b": [0.1, 0.2, float("nan"), 0.4, 0.5]}), "a.parquet"))
    assert "row 3: score nan is not a finite number" in reason


def test_blank_lines_and_quoted_line_breaks_do_not_shift_the_line_numbers():
    lines = ["dataset,category,k_shot,task,branch,image,label,score,note"]
    lines += [f'mvtec,bottle,1,cls,b,{index},{index % 2},0.{index},"two\nlines"\n' for index in range(4)]
    Path("a.csv").write_text("\n".join(lines).replace("0.2", "bad"))
    assert "line 9: score 'bad'" in read("a.csv")[1][0]


def content(text):
    return ",".join(COLUMNS) + "\n" + text


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("a.csv", content("").encode(), "holds no rows"),
        ("a.csv", b"", "lacks the columns dataset"),
        ("a.csv", content("mvtec,bottle,1,1,cls,b,i,0\n").encode(), "line 2 has 8 cells, the header 9"),
        ("a.csv", content("mvtec,bottle,1,1,cls,b,i,0,1,2\n").encode(), "line 2 has 10 cells, the header 9"),
        ("a.csv", content('mvtec,bottle,1,1,cls,b,i,0,"1\n').encode(), "not a readable csv file (unexpected end"),
        ("a.csv", content('mvtec,bottle,1,1,cls,b,"i"j,0,1\n').encode(), "not a readable csv file"),
        ("a.csv", content("mvtec,b\xfcttle,1,1,cls,b,i,0,1\n").encode("latin-1"), "not UTF-8 text"),
        ("a.csv", b"score," + content("1,mvtec,bottle,1,1,cls,b,i,0,1\n").encode(), "has the column score twice"),
        ("a.csv", content("mvtec," + "x" * 200_000 + ",1,1,cls,b,i,0,1\n").encode(), "field larger than field limit"),
        ("a.parquet", b"", "not a readable parquet file"),
        ("a.parquet", b"PAR1 this is nothing PAR1", "not a readable parquet file"),
        ("a.parquet", bytes(range(256)) * 40, "not a readable parquet file"),
    ],
)  # fmt: skip
def test_a_broken_file_is_rejected_with_the_reason(name, raw, reason):
    Path(name).write_bytes(raw)
    runs, [given] = read(name)
    assert runs == []
    assert reason in given


def test_a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it():
    table = rows() + rows("cable")
    for row in table:
        row["note"] = "fine"
    text = Path(write(table)).read_text()
    Path("scores.csv").write_text(text.replace("fine", '"oops', 1))
    runs, [reason] = read("scores.csv")
    assert runs == []
    assert "unexpected end of data" in reason


def test_no_damage_to_a_parquet_file_is_a_traceback():
    whole = Path(write(rows() + rows("cable"), "whole.parquet")).read_bytes()
    random = np.random.default_rng(0)
    for _ in range(150):
        raw = bytearray(whole[: random.integers(1, len(whole))] if random.random() < 0.3 else whole)
        for place in random.integers(0, len(raw), 3):
            raw[place] = random.integers(256)
        Path("damaged.parquet").write_bytes(raw)
        runs, rejected = read("damaged.parquet")
        assert runs or rejected


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.struct([("a", pa.int64())]), pa.timestamp("s"), pa.binary()])
def test_parquet_columns_of_unusable_types_are_rejected(kind):
    table = pa.Table.from_pylist(rows())
    for column in ("score", "image"):
        strange = pa.nulls(table.num_rows, kind)
        if kind == pa.binary():
            strange = pa.array([b"\xff"] * table.num_rows)
        pq.write_table(table.set_column(table.schema.get_field_index(column), column, strange), "a.parquet")
        runs, rejected = read("a.parquet")
        assert (runs, len(rejected)) == ([], 1)


def test_only_tables_with_all_columns_are_recognised_and_broken_parquet_is_claimed(tmp_path):
    assert long_table.recognise(tmp_path / write(rows()))
    assert long_table.recognise(tmp_path / write(rows(), "a.parquet"))
    assert long_table.recognise(tmp_path / write(rows(), columns=[name for name in COLUMNS if name != "seed"]))
    assert not long_table.recognise(tmp_path / write(rows(), columns=[name for name in COLUMNS if name != "label"]))
    assert not long_table.recognise(tmp_path / write(rows(), "b.parquet", columns=["image", "score"]))
    assert not long_table.recognise(tmp_path / write(rows(), "a.json"))
    assert not long_table.recognise(tmp_path / "missing.csv")
    for raw in (b"", b"\n", bytes(range(256)) * 9, b'"', b"\xff\xfe\x00"):
        (tmp_path / "odd.csv").write_bytes(raw)
        assert not long_table.recognise(tmp_path / "odd.csv")
        (tmp_path / "odd.parquet").write_bytes(raw)
        assert long_table.recognise(tmp_path / "odd.parquet")


def test_a_byte_order_mark_and_old_mac_line_ends_are_read():
    text = Path(write(rows())).read_bytes()
    for ends, mark in ((b"\r\n", b"\xef\xbb\xbf"), (b"\r", b""), (b"\n", b"\xef\xbb\xbf")):
        Path("other.csv").write_bytes(mark + text.replace(b"\r\n", ends))
        assert aurocs(only_run("other.csv"))["semantic"] == 5 / 6


def test_a_table_goes_through_run_folders_into_the_database_once():
    Path("tables").mkdir()
    write(rows() + rows("cable", label=""), "tables/scores.csv")
    write(rows("cable", branches={"semantic": ["bad"] * 5}, k_shot=2), "tables/more.csv")
    first, second = (ingest("tables", db="p.duckdb", runs="runs") for _ in range(2))
    assert (len(first.added), first.cells, len(first.rejected)) == (1, 2, 1)
    assert second.rejected == first.rejected
    assert (len(second.unchanged), second.added) == (1, [])


def test_many_rows_take_seconds():
    count, per_category = 200_000, 100
    index = np.arange(count)
    image = index // 2 % per_category
    cell = index // (2 * per_category)
    scores = np.random.default_rng(0).random(count)
    table = pa.table(
        {
            "dataset": ["mvtec"] * count,
            "category": np.char.add("category ", (cell % 27).astype(str)),
            "k_shot": cell // 27 % 3,
            "seed": cell // 81,
            "task": ["cls"] * count,
            "branch": pa.array(["semantic", "memory"]).take(pa.array(index % 2)),
            "image": image,
            "label": image >= 60,
            "score": scores,
        }
    )
    pq.write_table(table, "big.parquet")
    start = time.perf_counter()
    runs, rejected = read("big.parquet")
    assert time.perf_counter() - start < 20
    assert rejected == []
    assert sum(len(run.categories) for run in runs) == 1000
    [run] = [run for run in runs if (run.k_shot, run.seed) == (1, 2)]
    mine = (cell == 2 * 81 + 27 + 5) & (index % 2 == 1)
    assert aurocs(run, "category 5")["memory"] == pytest.approx(
        roc_auc_score(image[mine] >= 60, scores[mine]), abs=1e-12
    )
    # A CSV of several of Arrow's blocks tells the same as the Parquet file.
    pacsv.write_csv(table.slice(0, 60_000), "big.csv")
    assert Path("big.csv").stat().st_size > 3 << 20
    for part in read("big.csv", experiment="big")[0]:
        [whole] = [run for run in runs if (run.k_shot, run.seed) == (part.k_shot, part.seed)]
        for category, result in part.categories.items():
            np.testing.assert_array_equal(result.scores["memory"], whole.categories[category].scores["memory"])
