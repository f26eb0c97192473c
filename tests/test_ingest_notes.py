"""What an import says beside its numbers: what was assumed, what looks wrong and is kept, and which files it did not take."""

import gzip
import json
from pathlib import Path

import pytest

from promptad_db import ingest, open_db, run_folder
from promptad_db.errors import NothingToIngestError
from promptad_db.ingestion.readers import ImportOptions

OFFICIAL = "mvtec/k_1/csv/Seed_111-results.csv"
PATCHCORE = "Row Names,instance_auroc,full_pixel_auroc\nmvtec_tile,0.9,0.95\nMean,0.9,0.95\n"


def write(name, text):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def official(*rows, name=OFFICIAL):
    return write(name, ",i_roc,p_roc\n" + "".join(f"{row}\n" for row in rows))


def long_table(scores, name="scores.csv", categories=("bottle",), branches=("semantic", "memory")):
    lines = ["dataset,category,k_shot,seed,task,branch,image,label,score"]
    lines += [
        f"mvtec,{category},1,1,cls,{branch},{i}.png,{int(i >= 3)},{score}"
        for category in categories
        for branch in branches
        for i, score in enumerate(scores)
    ]
    return write(name, "\n".join(lines) + "\n")


def notes(*paths, **options):
    return ingest(*paths, db="d.duckdb", options=ImportOptions(**options)).notes


def test_an_assumed_method_is_said_once_recorded_and_quiet_when_it_is_given(cli):
    for group in ("a", "b"):
        write(f"{group}/results.csv", PATCHCORE)
    answer = cli("ingest", "a", "b", "--k-shot", 1)
    assert answer.code == 0
    lines = [line for line in answer.err.splitlines() if line.startswith("note")]
    assert lines == ["note: method PatchCore assumed from the columns; --method says otherwise"]
    runs = [run_folder.read_run(folder) for folder in run_folder.find_runs(Path("runs"))]
    assert [run.source["assumed"] for run in runs] == [{"method": "the columns"}] * 4
    answer = cli("ingest", "a", "--k-shot", 1, "--method", "mine")
    assert "note" not in answer.err
    assert ("mine",) in open_db().query("SELECT DISTINCT method FROM runs").rows


def test_what_was_assumed_stays_recorded_when_a_run_is_extended():
    for more in ("", "mvtec_wood,0.8,0.85\n"):
        write("a/results.csv", PATCHCORE.replace("Mean", f"{more}Mean"))
        ingest("a", db="d.duckdb", options=ImportOptions(k_shot=1))
    runs = [run_folder.read_run(folder) for folder in run_folder.find_runs(Path("runs"))]
    assert [run.source["assumed"] for run in runs] == [{"method": "the columns"}] * 2


def test_aurocs_far_below_one_half_are_kept_and_said():
    path = long_table([5, 4, 3, 2, 1, 3], categories=("bottle", "grid"))
    [note] = notes(path)
    assert note.startswith("scores.csv: every AUROC of harmonic, max, memory, semantic is below 50 % (median ")
    assert "inverted" in note
    assert "kept" in note
    assert len(open_db("d.duckdb").query("SELECT 1 FROM branch_auroc WHERE auroc < 0.2").rows) == 8


def test_reported_aurocs_far_below_one_half_are_said_over_all_files_of_an_experiment():
    official("mvtec-tile,12.00,95.00", "mvtec-wood,25.50,95.00")
    official("mvtec-tile,30.00,95.00", name="mvtec/k_2/csv/Seed_111-results.csv")
    [note] = notes("mvtec", method="PromptAD")
    assert note.startswith(
        "mvtec/k_1/csv/Seed_111-results.csv and 1 more files: every AUROC of harmonic is below 50 % (median 25.50 %)"
    )


@pytest.mark.parametrize(
    "rows", [["mvtec-tile,12.00,95.00", "mvtec-wood,51.00,95.00"], ["mvtec-tile,45.00,95.00", "mvtec-wood,48.00,95.00"]]
)
def test_one_weak_category_or_numbers_near_chance_are_not_worth_a_word(rows):
    assert notes(official(*rows), method="PromptAD") == []


def test_names_that_differ_in_case_alone_are_said_and_kept_apart():
    path = long_table([1, 2, 3, 4, 5, 6], categories=("bottle", "Bottle"), branches=("Memory", "semantic"))
    found = notes(path)
    assert "the categories Bottle and bottle of mvtec differ in case alone; they are kept apart" in found
    assert "the branches Memory and memory differ in case alone; they are kept apart" in found
    assert len(found) == 2
    assert len(open_db("d.duckdb").query("SELECT DISTINCT category FROM run_categories").rows) == 2


def test_a_category_that_an_earlier_import_spelled_otherwise_is_said():
    assert notes(official("mvtec-Tile,90.00,95.00"), method="PromptAD") == []
    found = notes(official("mvtec-tile,90.00,95.00"), method="PromptAD")
    assert found == ["the categories Tile and tile of mvtec differ in case alone; they are kept apart"]


def test_datasets_that_differ_in_case_alone_are_said():
    official("mvtec-tile,90.00,95.00")
    official("MVTec-tile,91.00,95.00", name="MVTec/k_1/csv/Seed_111-results.csv")
    [note] = notes("mvtec", "MVTec", method="PromptAD")
    assert note == "the datasets MVTec and mvtec differ in case alone; --dataset gives both one name"


def test_options_that_the_files_contradict_are_said():
    found = notes(official("mvtec-tile,90.00,95.00"), method="PromptAD", k_shot=8, seed=111, dataset="mvtec")
    assert found == [f"{OFFICIAL} tells k_shot 1; --k-shot 8 is for files that do not tell it"]
    found = notes(long_table([1, 2, 4, 3, 5, 6]), seed=3, dataset="visa")
    assert [note.partition(" tells ")[2] for note in found] == [
        "dataset mvtec; --dataset visa is for files that do not tell it", "seed 1; --seed 3 is for files that do not tell it"
    ]  # fmt: skip


def test_options_for_run_folders_alone_are_said_to_count_for_nothing(make_run):
    folder = make_run({"tile": {"semantic": 0.5}})
    [note] = notes(folder, method="mine")
    assert "run folders keep what their run.json tells" in note
    assert notes(folder) == []
    assert notes(folder, long_table([1, 2, 4, 3, 5, 6]), method="mine") == []


def test_a_header_that_was_written_again_is_passed_over():
    path = write("a/results.csv", PATCHCORE + PATCHCORE.replace("tile", "wood"))
    outcome = ingest(path, db="d.duckdb", options=ImportOptions(k_shot=1))
    assert outcome.rejected == []
    assert len(open_db("d.duckdb").query("SELECT DISTINCT category FROM run_categories").rows) == 2


def test_sound_numbers_are_taken_without_a_word():
    assert notes(long_table([1, 2, 4, 3, 5, 6])) == []


NOT_TAKEN = {
    "scores.xlsx": (b"PK", "save it as CSV or Parquet"),
    "scores.zip": (b"PK", "unpack it first"),
    "scores.npz": (b"PK", "write a long table"),
    "maps/tile/test/good/000.tiff": (b"II*", "--branch NAME=DIR and --data-root"),
    "other.csv": (b"epoch,loss\n1,0.5\n", "its columns are epoch, loss; a long table would need dataset, category"),
    "lacking.csv": (b"dataset,category,k_shot,branch,image,score\n", "a long table would need task, label as well"),
    "scores.jsonl": (b"{}", "save it as CSV or Parquet"),
    "notes.json": (b'{"a": 1}', "not a result file of a known format"),
    "train.log": (b"epoch 1\n", "not a result file of a known format"),
    "README": (b"hello", "not a result file of a known format"),
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_a_folder_of_nothing_names_the_files_and_what_each_of_them_is(name, cli):
    content, reason = NOT_TAKEN[name]
    write(f"in/{name}", content)
    with pytest.raises(NothingToIngestError) as caught:
        ingest("in", db="d.duckdb")
    [line] = [line for line in str(caught.value).splitlines() if f"in/{name}" in line]
    assert reason in line
    answer = cli("ingest", "in")
    assert answer.code == 4
    assert f"in/{name}: " in answer.err
    assert reason in answer.err


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "scores.csv",
            "dataset,category,image,score\n".encode("utf-16-le"),
            "NUL bytes: UTF-16 without a byte order mark",
        ),
        ("scores.txt", b"dataset,category,k_shot,task,branch,image,label,score\n", "a long table; name it scores.csv"),
        ("scores.log", b"category;memory;image;label\n", "a long table; name it scores.csv"),
        ("scores.csv", "größe,bild\n".encode("latin-1"), "not UTF-8 text; convert it"),
        ("scores.csv", b"", "empty file"),
    ],
)
def test_a_table_in_a_form_that_is_not_read_is_rejected_with_the_way_out(name, content, reason, cli):
    write(f"in/{name}", content)
    write("in/empty.log", b"")
    answer = cli("ingest", "in")
    assert answer.code == 4
    [line] = [line for line in answer.err.splitlines() if line.startswith("rejected")]
    assert line.startswith(f"rejected: in/{name}: ")
    assert reason in line


def test_a_character_at_the_end_of_the_head_of_a_file_does_not_make_it_no_text():
    write("in/a.csv", ("x" * (1 << 16))[:-1] + "ß,b\n")
    with pytest.raises(NothingToIngestError, match=r"in/a\.csv: not a result file"):
        ingest("in", db="d.duckdb")


def test_a_table_that_lacks_a_column_is_noted_with_what_it_lacks_beside_sound_ones():
    long_table([1, 2, 4, 3, 5, 6], name="in/scores.csv")
    write("in/more.csv", "image,score\na,1\n")
    write("in/wide.csv", "image,semantic\na,1\n")
    write("in/loss.csv", "epoch,loss\n1,1\n")
    outcome = ingest("in", db="d.duckdb")
    assert (len(outcome.skipped), outcome.rejected) == (3, [])
    assert [note.partition(" as well")[0] for note in outcome.notes] == [
        (
            "in/more.csv is passed over: not a result file of a known format: its columns are image, score; a long table "
            "would need dataset, category, k_shot, task, branch, label"
        ),
        (
            "in/wide.csv is passed over: not a result file of a known format: its columns are image, semantic; a long table "
            "would need dataset, category, k_shot, task, label"
        ),
    ]


def test_of_many_files_that_are_not_taken_the_first_are_named_and_all_are_counted():
    for index in range(14):
        write(f"in/{index:02d}.png", b"x")
    with pytest.raises(NothingToIngestError, match=r"09\.png.*\n  and 4 more"):
        ingest("in", db="d.duckdb")


def test_tables_and_archives_beside_results_are_named_and_pictures_are_not():
    long_table([1, 2, 4, 3, 5, 6], name="in/scores.csv")
    for name in ("in/more.xlsx", "in/old.zip", "in/plot.png", "in/train.log"):
        write(name, b"x")
    outcome = ingest("in", db="d.duckdb")
    assert [path.name for path in outcome.skipped] == ["more.xlsx", "old.zip"]
    assert "2 files of other kinds passed over: in/more.xlsx, in/old.zip" in outcome.summary()


@pytest.mark.parametrize("name", ["RESULTS.CSV", "results.tsv", "results.csv.gz"])
def test_files_of_reported_numbers_are_found_whatever_their_suffix(name):
    text = PATCHCORE.replace(",", "\t") if name.endswith("tsv") else PATCHCORE
    write(f"in/{name}", gzip.compress(text.encode()) if name.endswith("gz") else text)
    outcome = ingest("in", db="d.duckdb", options=ImportOptions(k_shot=1))
    assert (len(outcome.added), outcome.rejected) == (2, [])


def test_a_number_that_is_none_in_json_is_named_and_the_others_are_kept(cli):
    content = {
        "bottle": {"seg_AUROC": float("nan"), "seg_AUPRO": 0.9, "classification_AUROC": 0.8},
        "tile": {"seg_AUROC": 0.7},
    }
    write("in/METRICS.JSON", json.dumps(content))
    answer = cli("ingest", "in", "--dataset", "mvtec", "--k-shot", 1)
    assert answer.code == 4
    assert "rejected: in/METRICS.JSON: seg_AUROC of bottle is nan, not a fraction between 0 and 1" in answer.err
    found = open_db().query("SELECT category, level, metric, value FROM metrics ORDER BY ALL").rows
    assert found == [
        ("bottle", "image", "auroc", 0.8),
        ("bottle", "pixel", "aupro", 0.9),
        ("tile", "pixel", "auroc", 0.7),
    ]


def test_a_reason_and_its_way_out_are_one_line(cli):
    write("in/results.csv", PATCHCORE)
    answer = cli("ingest", "in")
    assert answer.code == 4
    [line] = [line for line in answer.err.splitlines() if line.startswith("rejected")]
    assert line == "rejected: in/results.csv: neither the file nor its place tells the K; give --k-shot"
