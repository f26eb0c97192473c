"""A long table however it was written down: the same numbers, on the lines that an editor shows, or a clear refusal."""

import bz2
import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from promptad_db import ingest, open_db
from promptad_db.ingestion import rejected_lines
from promptad_db.ingestion.readers import ImportOptions, long_table

CASES = Path(__file__).parents[2] / "shared" / "cases"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is absent")

COLUMNS = ("dataset", "category", "k_shot", "seed", "task", "branch", "image", "label", "score")
LABELS = [0] * 5 + [1] * 6
RANDOM = np.random.default_rng(3)
SCORES = {
    (category, branch): np.round(RANDOM.normal(0, 1, len(LABELS)) + shift * np.array(LABELS), 4)
    for category in ("bottle", "grid")
    for branch, shift in (("semantic", 0.3), ("memory", 2.0))
}
WANTED = {key: roc_auc_score(LABELS, scores) for key, scores in SCORES.items()}


def rows(**changes):
    fixed = {"dataset": "mvtec", "k_shot": "1", "seed": "111", "task": "cls"} | changes
    return [
        fixed | {"category": c, "branch": b, "image": f"{'bad' if label else 'good'}/{i:03d}.png", "label": str(label), "score": str(score)}
        for (c, b), scores in SCORES.items()
        for i, (label, score) in enumerate(zip(LABELS, scores.tolist(), strict=True))
    ]  # fmt: skip


def text(delimiter=",", columns=COLUMNS, table=None):
    lines = [list(columns), *([row[name] for name in columns] for row in table or rows())]
    return "".join(delimiter.join(line) + "\n" for line in lines)


def found(*paths, **options):
    rejected = []
    paths = [Path(path) for path in paths]
    assert all(long_table.recognise(path) for path in paths)
    runs = list(long_table.read(paths, ImportOptions(**options), lambda _path, reason: rejected.append(reason)))
    aurocs = {
        (name, metric.branch): metric.value
        for run in runs
        for name in run.categories
        for metric in run.categories[name].metrics
        if metric.metric == "auroc" and metric.branch in ("semantic", "memory")
    }
    return runs, aurocs, rejected


COMMAS = text(";").replace(".png", "!png").replace(".", ",").replace("!png", ".png")
WRITTEN = {
    "semicolons": ("a.csv", text(";").encode()),
    "semicolons and decimal commas": ("a.csv", COMMAS.encode()),
    "tabs": ("a.tsv", text("\t").encode()),
    "tabs in a csv": ("a.csv", text("\t").encode()),
    "pipes": ("a.csv", text("|").encode()),
    "spaces": ("a.csv", text(", ").encode()),
    "quotes after spaces": ("a.csv", text('", "').replace("\n", '"\n"').rstrip('"').join(['"', ""]).encode()),
    "utf-16": ("a.csv", text().encode("utf-16")),
    "utf-16 and tabs": ("a.csv", text("\t").encode("utf-16")),
    "byte order mark": ("a.csv", text(";").encode("utf-8-sig")),
    "sep line": ("a.csv", ("sep=,\n" + text()).encode()),
    "sep line that counts": ("a.csv", ("sep=;\r\n" + text(";")).encode()),
    "comments": ("a.csv", ("# exported 2026\n#, by hand\n" + text()).encode()),
    "blank lines above": ("a.csv", ("\n\n" + text()).encode()),
    "blank rows": ("a.csv", (text() + ",,,,,,,,\n , ,,,,,,,\n\n").encode()),
    "rows of means": ("a.csv", (text() + "mvtec,mean,1,111,cls,memory,,,0.9\n,Mean,,,,,,,\n").encode()),
    "header in capitals": ("a.csv", text(columns=COLUMNS).replace(",".join(COLUMNS), ",".join(COLUMNS).upper()).encode()),
    "suffix in capitals": ("A.CSV", text().encode()),
    "windows line ends": ("a.csv", text(";").replace("\n", "\r\n").encode()),
    "gzip": ("a.csv.gz", gzip.compress(text().encode())),
    "gzip and tabs": ("a.tsv.gz", gzip.compress(text("\t").encode())),
    "bzip2": ("a.csv.bz2", bz2.compress(text().encode("utf-16"))),
    "zstd": ("a.csv.zst", pa.compress(text().encode(), "zstd", asbytes=True)),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content"), WRITTEN.values(), ids=WRITTEN)
def test_a_table_gives_the_same_numbers_however_it_was_written(name, content):
    Path(name).write_bytes(content)
    [run], aurocs, rejected = found(name)
    assert rejected == []
    assert aurocs == pytest.approx(WANTED, abs=1e-12)
    assert run.experiment == name.partition(".")[0]
    assert (run.dataset, run.k_shot, run.seed) == ("mvtec", 1, 111)


@pytest.mark.parametrize("name", ["a.pq", "A.PARQUET", "a.parquet"])
def test_parquet_is_known_by_all_its_suffixes_and_in_any_case(name):
    columns = {column.upper(): [row[column] for row in rows()] for column in COLUMNS}
    pq.write_table(pa.table(columns), name)
    _, aurocs, rejected = found(name)
    assert (aurocs, rejected) == (pytest.approx(WANTED, abs=1e-12), [])


@pytest.mark.parametrize(
    ("name", "before", "delimiter"),
    [("a.csv", "# one\n\nsep=;\n", ";"), ("a.csv.gz", "", ","), ("a.csv", "", ", "), ("a.tsv", "# one\n", "\t")],
)
def test_a_bad_score_is_named_by_the_line_that_an_editor_shows(name, before, delimiter):
    table = rows()
    table[20]["score"] = "bad"
    table[3]["image"] = '"good\n/003.png"'
    lines = text(delimiter, table=table)
    lines = before + lines.replace("\n", "\n\n", 1)
    line = next(
        number
        for number, one in enumerate(lines.splitlines(), start=1)
        if ("bad/" not in one and one.endswith("bad")) or one.endswith("bad")
    )
    Path(name).write_bytes(gzip.compress(lines.encode()) if name.endswith("gz") else lines.encode())
    _, aurocs, reasons = found(name)
    assert ("bottle", "memory") not in aurocs
    assert any(
        f"line {line}: score 'bad' is not a finite number; branch 'memory' is left out" in reason for reason in reasons
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "a.csv",
            text().replace("bottle", "瓶子").encode("gb18030"),
            "not UTF-8 text\n  convert it, for example: iconv",
        ),
        ("a.csv.gz", b"no gzip at all" * 9, "cannot be read"),
        ("a.csv.gz", gzip.compress(text().encode())[:-40], "cannot be read"),
        ("a.csv", (text(";") + "mvtec;bottle\n").encode(), "cells, the header 9"),
        ("a.csv", text(";").encode() + b"\0", "holds NUL bytes"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_by_name_with_the_reason(name, content, reason):
    folder = Path("in")
    folder.mkdir()
    (folder / name).write_bytes(content)
    [(path, given)] = ingest(folder, db="d.duckdb").rejected
    assert path == folder / name
    assert reason in given
    assert all("\n" not in line for line in rejected_lines([(path, given)]))


def test_a_compressed_table_is_refused_before_it_fills_the_disk(monkeypatch):
    monkeypatch.setattr("promptad_db.ingestion.readers.plain_csv.LARGEST_TABLE_FILE", 1000)
    Path("a.csv.gz").write_bytes(gzip.compress(text().encode()))
    _, aurocs, [reason] = found("a.csv.gz")
    assert not aurocs
    assert "too large to be read" in reason


@pytest.mark.parametrize("ending", ["", "_score", "_scores", "_Score"])
@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_wide_table_has_a_column_of_scores_for_each_branch(name, ending):
    table = [
        {"dataset": "mvtec", "category": c, "k_shot": 1, "seed": 111, "task": "cls", "image": f"{i}.png", "label": LABELS[i],
         f"memory{ending}": SCORES[c, "memory"][i], f"semantic{ending}": SCORES[c, "semantic"][i], "note": "x"}
        for c in ("bottle", "grid") for i in range(len(LABELS))
    ]  # fmt: skip
    if name == "a.csv":
        Path(name).write_text(
            "".join(",".join(map(str, line)) + "\n" for line in [list(table[0]), *(row.values() for row in table)])
        )
    else:
        pq.write_table(pa.Table.from_pylist(table), name)
    [run], aurocs, rejected = found(name)
    assert (aurocs, rejected) == (pytest.approx(WANTED, abs=1e-12), [])
    assert list(run.categories["grid"].scores)[:2] == ["memory", "semantic"]


def test_a_number_that_a_wide_table_lacks_costs_its_branch_alone():
    lines = ["dataset,category,k_shot,task,image,label,semantic,memory"]
    lines += [f"mvtec,bottle,1,cls,{i},{label},{i},{-i}" for i, label in enumerate(LABELS)]
    lines[4] = lines[4].rpartition(",")[0] + ","
    Path("a.csv").write_text("\n".join([*lines, ",,,,,,,"]))
    _, aurocs, [reason] = found("a.csv")
    assert aurocs == {("bottle", "semantic"): 1.0}
    assert reason.endswith("line 5: score '' is not a finite number; branch 'memory' is left out")


def test_two_columns_of_one_branch_are_refused():
    Path("a.csv").write_text("dataset,category,k_shot,task,image,label,memory,memory_score\nd,c,1,cls,i,0,1,2\n")
    assert found("a.csv")[2] == ["has the column memory twice"]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("by", [("dataset", "category"), ("category", "branch"), ("k_shot", "seed", "dataset")])
def test_the_folders_of_a_partitioned_table_are_columns(kind, by):
    table = pa.Table.from_pylist(rows())
    parts = pads.partitioning(pa.schema([(name, pa.string()) for name in by]), flavor="hive")
    pads.write_dataset(table, "table", format=kind, partitioning=parts, basename_template="part-{i}." + kind)
    runs, aurocs, rejected = found(*sorted(Path("table").rglob("*." + kind)))
    assert rejected == []
    assert aurocs == pytest.approx(WANTED, abs=1e-12)
    assert {(run.experiment, run.dataset, run.k_shot, run.seed) for run in runs} == {("table", "mvtec", 1, 111)}


def test_an_escaped_folder_of_a_partitioned_table_is_read_as_it_was_meant():
    folder = Path("t/category=pipe%2Fleft/seed=__HIVE_DEFAULT_PARTITION__")
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("dataset,k_shot,branch,image,label,score\nd,1,memory,i,0,1\nd,1,memory,j,1,2\n")
    [run], aurocs, rejected = found(folder / "a.csv")
    assert (list(run.categories), run.seed, rejected) == (["pipe/left"], None, [])
    assert aurocs == {("pipe/left", "memory"): 1.0}


def test_options_stand_for_the_columns_that_a_table_lacks():
    names = [name for name in COLUMNS if name not in ("dataset", "k_shot", "seed", "task")]
    Path("a.csv").write_text(text(columns=names))
    [run], aurocs, _ = found("a.csv", dataset="mine", k_shot=8, seed=2)
    assert (run.dataset, run.k_shot, run.seed, run.task) == ("mine", 8, 2, "cls")
    assert aurocs == pytest.approx(WANTED, abs=1e-12)
    assert "give --k-shot" in found("a.csv", dataset="mine")[2][0]
    assert "give --dataset" in found("a.csv", k_shot=8)[2][0]


def test_the_method_that_is_given_counts_unless_the_file_holds_several():
    Path("a.csv").write_text(text(columns=(*COLUMNS, "method"), table=rows(method="theirs")))
    assert [run.method for run in found("a.csv")[0]] == ["theirs"]
    assert [run.method for run in found("a.csv", method="mine")[0]] == ["mine"]
    both = rows(method="theirs") + rows(method="others", k_shot="2")
    Path("a.csv").write_text(text(columns=(*COLUMNS, "method"), table=both))
    assert {run.method for run in found("a.csv")[0]} == {"theirs", "others"}
    runs, _, [reason] = found("a.csv", method="mine")
    assert not runs
    assert "holds the methods theirs, others" in reason
    assert "--method" in reason


@pytest.mark.parametrize("column", ["variant", "model", "Backbone", "checkpoint", "seed"])
def test_a_column_of_models_or_checkpoints_tells_runs_apart(column):
    one = rows() if column == "seed" else rows(**{column: "a"})
    two = [row | {column: "2" if column == "seed" else "b"} | {"score": str(-float(row["score"]))} for row in one]
    Path("a.csv").write_text(text(columns=dict.fromkeys([*COLUMNS, column]), table=one + two))
    runs, _, rejected = found("a.csv")
    assert rejected == []
    assert len({run.fingerprint() for run in runs}) == 2
    values = sorted(run.categories["bottle"].metrics[0].value for run in runs)
    assert values == pytest.approx(sorted([WANTED["bottle", "semantic"], 1 - WANTED["bottle", "semantic"]]))
    if column == "Backbone":
        assert {(run.variant, run.model["name"]) for run in runs} == {("a", "a"), ("b", "b")}
    if column == "checkpoint":
        assert {(run.variant, run.config["checkpoint"]) for run in runs} == {
            ("checkpoint=a", "a"),
            ("checkpoint=b", "b"),
        }


def test_two_runs_that_nothing_tells_apart_are_refused_with_the_columns_that_would():
    Path("a.csv").write_text(text(table=rows() + rows()))
    _, aurocs, reasons = found("a.csv")
    assert not aurocs
    assert all("stands twice in branch" in reason and "a column variant, backbone" in reason for reason in reasons)


@pytest.mark.parametrize("label", ["0", "1"])
def test_a_category_of_one_class_is_kept_with_the_reason_and_counted(label, cli):
    sick = [row | {"category": "screw", "label": label} for row in rows() if row["category"] == "grid"]
    Path("a.csv").write_text(text(table=rows() + sick))
    answer = cli("ingest", "a.csv")
    assert answer.code == 0
    notes = (
        open_db().query("SELECT DISTINCT value, note FROM metrics WHERE category = 'screw' AND branch = 'memory'").rows
    )
    assert len(notes) == 1
    assert notes[0][0] is None
    assert "the metric is undefined" in notes[0][1]
    assert '"left_out": 1' in cli("report", "--section", "summary", "--format", "json").out


def test_labels_that_contradict_a_folder_called_good_count_and_are_said(cli):
    table = [row | {"label": str(1 - int(row["label"]))} if row["category"] == "grid" else row for row in rows()]
    Path("a.csv").write_text(text(table=table))
    answer = cli("ingest", "a.csv")
    assert answer.code == 0
    assert (
        "note: a.csv: the labels of grid contradict the names of its folders (good, bad); the labels count"
        in answer.err
    )
    assert "bottle" not in answer.err


@needs_cases
@pytest.mark.parametrize(
    "folder", sorted(path.name for path in CASES.glob("csv-not-recognised-silently/*/")) if CASES.is_dir() else []
)
def test_the_cases_give_the_right_numbers_or_one_line(folder, cli):
    answer = cli("ingest", CASES / "csv-not-recognised-silently" / folder)
    if folder == "gbk":
        [line] = [line for line in answer.err.splitlines() if line.startswith("rejected")]
        assert "scores.csv: not UTF-8 text" in line
        assert "iconv" in line
        return
    assert answer.code == 0, answer.err
    query = "SELECT category, branch, ROUND(auroc, 6) FROM branch_auroc WHERE branch IN ('semantic', 'memory')"
    assert set(open_db().query(query).rows) == {
        ("bottle", "memory", 0.985714), ("bottle", "semantic", 0.642857),
        ("grid", "memory", 0.914286), ("grid", "semantic", 0.607143),
    }  # fmt: skip
