"""A long table of any shape takes memory in proportion to its rows, or is refused by name before it takes more."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from promptad_db.ingestion.readers import (
    ImportOptions,
    anomalib,
    gate,
    long_table,
    official_csv,
    patchcore,
    pipe_tables,
)

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

import bombs

ROWS = 3_000_000
BYTES_A_ROW, BYTES_OF_ARROW = 160, 250 << 20
HEADER = b"dataset,category,k_shot,seed,task,branch,image,label,score\n"
PEAK = """
import json, resource, sys
from pathlib import Path
import pyarrow.csv, pyarrow.compute, pyarrow.parquet, sklearn.metrics
from promptad_db.ingestion.readers import (
    ImportOptions,
    anomalib,
    gate,
    long_table,
    official_csv,
    patchcore,
    pipe_tables,
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rejected, read = [], 0
for run in long_table.read([Path(sys.argv[1])], ImportOptions(), lambda _path, reason: rejected.append(reason)):
    for category in run.categories:
        read += len(run.categories[category].metrics) > 0
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([peak << 10, read, rejected]))
"""


def table(rows, **columns):
    """A long table of one category with one image and one branch, but for the columns that are given."""
    fixed = {"dataset": "d", "category": "c", "k_shot": "1", "seed": "1", "task": "cls", "branch": "b", "image": "x"}
    values = {name: pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [value]) for name, value in fixed.items()}
    number = np.arange(rows)
    return pa.table(values | {"label": number % 2, "score": np.full(rows, 0.5)} | columns)


def written(name, content):
    if isinstance(content, bytes):
        Path(name).write_bytes(content)
    else:
        coded = {
            column: "DELTA_BINARY_PACKED" for column in ("category", "image", "seed") if content[column].type == "int64"
        }
        pq.write_table(
            content, name, compression="zstd", column_encoding=coded or None,
            use_dictionary=[column for column in content.column_names if column not in coded],
        )  # fmt: skip
    return Path(name)


def measured(path):
    """The bytes that reading took, the categories read, and what was rejected."""
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


def refusal(path):
    rejected = []
    assert list(long_table.read([path], ImportOptions(), lambda _path, reason: rejected.append(reason))) == []
    [reason] = rejected
    return reason


def honest(rows):
    number = np.arange(rows)
    names = pa.array([f"test/crack/{image:03d}.png" for image in range(100)])
    return table(
        rows,
        category=pa.array([f"category {cell}" for cell in range(rows // 1000)]).take(pa.array(number // 1000)),
        branch=pa.array([f"branch {branch}" for branch in range(10)]).take(pa.array(number // 100 % 10)),
        image=names.take(pa.array(number % 100)),
        label=number % 100 >= 60,
        score=np.random.default_rng(0).random(rows),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"image": np.arange(ROWS)}, "c (d, K = 1, seed 1): it has 3,000,000 images, more than 250,000"),
        ({"category": np.arange(ROWS) // 2, "image": np.arange(ROWS) % 2}, "column category holds more than 100,000"),
        ({"category": np.arange(ROWS) // 2 % 1000, "seed": np.arange(ROWS) // 2 // 1000}, "more than 100,000"),
        ({"branch": np.arange(ROWS).astype(str)}, "column branch holds more than 100,000 different values"),
        ({"score": pa.array(np.arange(ROWS).astype(str)), "task": pa.nulls(ROWS)}, "task is None"),
    ],
    ids=["images", "categories", "runs", "branches", "texts"],
)
def test_a_small_file_of_millions_of_rows_takes_their_arrays_and_little_more(columns, reason):
    path = written("scores.parquet", table(ROWS, **columns))
    peak, read, rejected = measured(path)
    assert read == 0
    assert reason in rejected[0]
    assert len(rejected) == 1
    assert peak < BYTES_OF_ARROW + BYTES_A_ROW * ROWS


@pytest.mark.slow
def test_an_honest_table_of_millions_of_rows_is_read_in_the_memory_that_is_promised():
    path = written("scores.parquet", honest(ROWS))
    peak, read, rejected = measured(path)
    assert (read, rejected) == (ROWS // 1000, [])
    assert peak < BYTES_OF_ARROW + BYTES_A_ROW * ROWS


def test_a_category_is_scored_when_it_is_asked_for_and_not_kept():
    """Together the numbers of many small categories would take a hundred times what their rows do."""
    [run] = long_table.read([written("scores.parquet", honest(2000))], ImportOptions(), pytest.fail)
    for category in run.categories:
        result = run.categories[category]
        assert result.metrics == run.categories[category].metrics != []
        gone = weakref.ref(result)
        del result
        gc.collect()
        assert gone() is None


def sparse(start):
    with Path("scores.csv").open("wb") as file:
        file.write(start)
        file.truncate(1 << 30)
    return Path("scores.csv")


@pytest.mark.parametrize("start", [HEADER, HEADER + b"d,c,1,1,cls,b,x,0,0.5\n" * 70_000, HEADER + b'd,c,1,1,cls,b,"'])
def test_a_sparse_file_is_refused_at_the_first_nul(start):
    path = sparse(start)
    started = time.monotonic()
    peak, _, [reason] = measured(path)
    assert "holds NUL bytes" in reason
    assert peak < 100 << 20
    assert time.monotonic() - started < 20


ROW = b"d,c,1,1,cls,b,x,0,"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ROW + b"1" * (1 << 21) + b"\n", "row of 1,048,576 characters or more"),
        (ROW + b"1" + b"," * (1 << 21), "row of 1,048,576 characters or more"),
        (ROW + b'"' + b"1\n" * (1 << 20) + b'"\n', "field larger than field limit"),
        (ROW + b'"1\n",' * (1 << 19), "row of 1,048,576 characters or more"),
        (ROW + b"1\n" + b"\n" * 40_000_000, "holds more than 10,000,000 rows, or twice as many lines"),
    ],
    ids=["number", "cells", "quoted field", "quoted cells", "empty lines"],
)
def test_no_row_of_a_csv_is_endless(content, reason):
    assert reason in refusal(written("scores.csv", HEADER + content))


def test_a_csv_of_a_million_columns_is_refused():
    names = HEADER.strip() + b"".join(b",x%d" % number for number in range(30_000))
    assert "has 30,009 columns, more than 20,000" in refusal(written("scores.csv", names + b"\n" + ROW + b"1\n"))


def test_a_parquet_of_very_many_columns_is_refused_before_arrow_reads_its_schema():
    wide = pa.table({f"x{number}": pa.array([0], pa.int8()) for number in range(21_000)})
    pq.write_table(wide, "scores.parquet", compression="none")
    assert "lists 21,001 columns or row groups, more than 20,000" in refusal(Path("scores.parquet"))


def test_long_texts_of_a_table_are_no_names_however_small_the_file():
    rows = 100_000
    for column in ("image", "category", "defect_type", "score"):
        texts = bombs.long_texts(rows, 5000)["image"]
        path = written("scores.parquet", table(rows, **{column: texts}))
        assert f"column {column} holds a text of 5,000 bytes, more than 4,096" in refusal(path)


def test_names_that_take_more_than_a_category_may_are_refused():
    rows = 100_000
    texts = bombs.long_texts(rows, 4000)["image"]
    path = written("scores.parquet", table(rows, image=texts, branch=np.arange(rows)))
    assert "the names of its images take 400,000,000 bytes in all rows" in refusal(path)


@pytest.mark.parametrize("column", ["score", "image"])
def test_nested_columns_are_refused_before_their_values_are_read(column):
    lists = bombs.lists_of_one_value(images=4, name=column)[column]
    path = written("scores.parquet", table(4, **{column: lists}))
    assert f"column {column} is large_list" in refusal(path)


def test_a_page_that_becomes_too_large_is_refused():
    text = pa.array(["x" * (257 << 20)])
    pq.write_table(table(1, image=text), "scores.parquet", compression="zstd", use_dictionary=False)
    assert "declares a page of" in refusal(Path("scores.parquet"))


def test_rows_in_many_row_groups_and_chunks_are_one_table():
    """Texts are merged across batches: a name has one number wherever it stands."""
    rows = 120_000
    number = np.random.default_rng(1).permutation(rows)
    whole = table(rows, category=number % 3, image=number // 6, branch=number // 3 % 2, label=number // 6 % 2)
    whole = whole.set_column(whole.column_names.index("score"), "score", pa.array(number / rows))
    for name, options in (("a.parquet", {"row_group_size": 700}), ("b.parquet", {"row_group_size": rows})):
        pq.write_table(whole, name, **options)
    plain = [column.cast(pa.string()) for column in whole.columns]
    pacsv.write_csv(pa.table(plain, names=whole.column_names), "c.csv")
    for name in ("a.parquet", "b.parquet", "c.csv"):
        [run] = long_table.read([Path(name)], ImportOptions(experiment="e"), pytest.fail)
        for category in range(3):
            mine = number[number % 3 == category]
            result = run.categories[str(category)]
            images = list(dict.fromkeys((mine // 6).tolist()))
            assert result.images == [str(image) for image in images]
            assert result.labels.tolist() == [image % 2 for image in images]
            for branch in range(2):
                wanted = {one // 6: one / rows for one in mine.tolist() if one // 3 % 2 == branch}
                assert result.scores[str(branch)].tolist() == [wanted[image] for image in images]


SMALL = {
    "results.csv": (anomalib, b"model,dataset,category,image_AUROC\n"),
    "mvtec.csv": (patchcore, b"Row Names,instance_auroc\n"),
    "Epoch_seed1.csv": (official_csv, b",i_roc\nmvtec-bottle,99.00\n"),
    "full_results.csv": (gate, b"dataset,class,k_shot,task,mode,auroc\n"),
    "log.txt": (pipe_tables, b"| objects   |   pixel_auroc |\n"),
}


@pytest.mark.parametrize("unit", [b"||\n", b",\n", b"\r", b",a"])
@pytest.mark.parametrize("name", SMALL)
def test_small_tables_of_very_many_lines_or_cells_are_refused(name, unit):
    """64 MB of short cells are many gigabytes of objects."""
    reader, header = SMALL[name]
    path = written(name, header + unit * 12_000_000)
    rejected = []
    tracemalloc.start()
    assert list(reader.read([path], ImportOptions(k_shot=1), lambda _path, reason: rejected.append(reason))) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rejected == ["holds more than 500,000 lines or 5,000,000 cells"]
    assert peak < 5 * path.stat().st_size
