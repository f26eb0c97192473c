"""The public PromptAD code's CSV files: percents become reported AUROCs, 0.00 becomes nothing, broken rows are named."""

import shutil
from pathlib import Path

import pytest

from promptad_db import ingest
from promptad_db.ingestion.readers import ImportOptions, official_csv

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "official_csv"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not beside the project")

FOUR = ",i_roc,p_roc,semantic_i_roc,memory_i_roc\n"
TWO = ",i_roc,p_roc\n"


def write(root, text, name="mvtec/k_1/csv/Seed_111-results.csv"):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(*paths, **options):
    rejected = []
    runs = list(
        official_csv.read(paths, ImportOptions(**options), lambda path, reason: rejected.append((path, reason)))
    )
    return runs, rejected


def only_reason(*paths, **options):
    _, [(_, reason)] = read(*paths, **options)
    return reason


def value(run, category, branch):
    [metric] = [metric for metric in run.categories[category].metrics if metric.branch == branch]
    return metric.value


def mean(run, branch):
    return sum(value(run, category, branch) for category in run.categories) / len(run.categories)


@needs_data
def test_the_samples_give_four_runs_with_the_means_that_their_columns_have():
    runs, rejected = read(*DATA.rglob("*.csv"))
    assert not rejected
    assert [(run.dataset, run.task, len(run.categories)) for run in runs] == [
        ("mvtec", "cls", 15), ("mvtec", "seg", 15), ("visa", "cls", 12), ("visa", "seg", 12)
    ]  # fmt: skip
    mvtec, mvtec_seg, visa, visa_seg = runs
    assert value(mvtec, "carpet", "harmonic") == 1.0
    assert mean(mvtec, "semantic") == pytest.approx(0.8787266667, abs=1e-10)
    assert mean(mvtec, "memory") == pytest.approx(0.8948933333, abs=1e-10)
    assert mean(mvtec, "harmonic") == pytest.approx(0.9187133333, abs=1e-10)
    assert mean(visa, "harmonic") == pytest.approx(0.861625, abs=1e-10)
    assert mean(mvtec_seg, "harmonic") == pytest.approx(0.9539066667, abs=1e-10)
    assert mean(visa_seg, "harmonic") == pytest.approx(0.9632666667, abs=1e-10)
    assert value(mvtec_seg, "metal_nut", "harmonic") == 0.8878
    assert {(run.experiment, run.method, run.k_shot, run.seed, run.selection) for run in runs} == {
        ("official_csv", "PromptAD", 1, 111, "best_on_test")
    }


@needs_data
def test_the_samples_go_into_the_database_once(tmp_path):
    places = {"db": tmp_path / "p.duckdb", "runs": tmp_path / "runs"}
    first, second = ingest(DATA, **places), ingest(DATA, **places)
    assert (len(first.added), first.cells, first.rejected) == (4, 54, [])
    assert (len(second.unchanged), second.added, second.rejected) == (4, [], [])


def test_i_roc_is_harmonic_at_image_level_and_p_roc_at_pixel_level(tmp_path):
    header = ",p_roc,memory_p_roc,i_roc,semantic_i_roc,memory_i_roc,semantic_p_roc,note\n"
    path = write(tmp_path, header + "mvtec-tile,96.00,95.00,99.00,98.00,97.00,94.00,hello\n")
    (cls, seg), rejected = read(path)
    assert not rejected
    numbers = [(m.level, m.branch, m.metric, m.value, m.provenance) for m in cls.categories["tile"].metrics]
    assert numbers == [
        ("image", "harmonic", "auroc", 0.99, "reported"),
        ("image", "memory", "auroc", 0.97, "reported"),
        ("image", "semantic", "auroc", 0.98, "reported"),
    ]
    pixels = {(m.level, m.branch): (m.value, m.precision) for m in seg.categories["tile"].metrics}
    assert pixels == {
        ("pixel", "harmonic"): (0.96, 1e-4),
        ("pixel", "memory"): (0.95, 1e-4),
        ("pixel", "semantic"): (0.94, 1e-4),
    }


@pytest.mark.parametrize("nothing", ["0.00", "0", "-0.0", "", " "])
def test_zero_or_nothing_means_not_run_and_is_no_number(tmp_path, nothing):
    path = write(tmp_path, FOUR + f"mvtec-tile,96.00,{nothing},{nothing},91.00\nmvtec-wood,{nothing},0.00,0.00,0.00\n")
    [run], rejected = read(path)
    assert not rejected
    assert (run.task, list(run.categories)) == ("cls", ["tile"])
    assert {metric.branch for metric in run.categories["tile"].metrics} == {"harmonic", "memory"}


def test_a_file_without_any_number_says_so(tmp_path):
    assert "no number" in only_reason(write(tmp_path, TWO + "mvtec-tile,0.00,0.00\n"))
    assert "no number" in only_reason(write(tmp_path, TWO))


def test_categories_may_hold_dashes_and_underscores(tmp_path):
    path = write(tmp_path, TWO + "mvtec-metal_nut,90.00,0.00\nmvtec-pipe-left_1,80.00,0.00\n")
    [run], _ = read(path)
    assert set(run.categories) == {"metal_nut", "pipe-left_1"}


def test_the_folder_of_the_data_set_tells_where_its_name_ends_in_the_index(tmp_path):
    path = write(tmp_path, TWO + "mvtec-ad-tile,90.00,0.00\n", "mvtec-ad/k_2/csv/Seed_5-results.csv")
    [run], _ = read(path)
    assert (run.dataset, list(run.categories), run.k_shot, run.seed) == ("mvtec-ad", ["tile"], 2, 5)


def test_a_row_of_another_data_set_than_the_folders_is_rejected(tmp_path):
    path = write(tmp_path, TWO + "visa-candle,90.00,0.00\nmvtec-tile,91.00,0.00\n")
    [run], [(_, reason)] = read(path)
    assert list(run.categories) == ["tile"]
    assert reason.startswith("line 2: 'visa-candle' is not of 'mvtec'")


def test_without_the_layout_k_and_seed_come_from_the_options(tmp_path):
    path = write(tmp_path, TWO + "visa-candle,90.00,0.00\n", "results/mine.csv")
    [run], _ = read(path, k_shot=4, seed=7)
    assert (run.experiment, run.dataset, run.k_shot, run.seed) == ("results", "visa", 4, 7)
    [run], _ = read(path, k_shot=0, experiment="paper")
    assert (run.experiment, run.k_shot, run.seed) == ("paper", 0, None)
    assert "give --k-shot" in only_reason(path)


@pytest.mark.parametrize("bad", ["abc", "nan", "inf", "-", "100.01", "-1.00", "99,5", "1e999", "True", "0.91"])
def test_a_bad_value_is_left_out_alone(tmp_path, bad):
    path = write(tmp_path, TWO + f'mvtec-tile,"{bad}",91.00\nmvtec-wood,90.00,0.00\n')
    (cls, seg), [(rejected, reason)] = read(path)
    assert list(cls.categories) == ["wood"]
    assert value(seg, "tile", "harmonic") == 0.91
    assert rejected == path
    assert reason.startswith("line 2: i_roc of mvtec-tile is ")


@pytest.mark.parametrize(
    "row", ["mvtec-tile,90.00", "mvtec-tile,90.00,91.00,92.00", ",90.00,91.00", "mvtec-,9.00,9.00"]
)
def test_a_row_of_another_shape_is_rejected_with_its_line(tmp_path, row):
    path = write(tmp_path, TWO + f"\n{row}\nmvtec-wood,90.00,0.00\n")
    [run], [(_, reason)] = read(path)
    assert list(run.categories) == ["wood"]
    assert reason.startswith("line 3: ")


def test_the_same_index_twice_is_taken_when_equal_and_rejected_when_not(tmp_path):
    path = write(tmp_path, TWO + "mvtec-tile,90.00,0.00\nmvtec-tile,90.0,0.00\nmvtec-tile,90.01,50.00\n")
    [run], [(_, reason)] = read(path)
    assert value(run, "tile", "harmonic") == 0.9
    assert reason == "line 4: the cls harmonic AUROC of tile is 90.01 here, but 90 further up"


def test_files_of_the_same_run_become_one_run_and_contradictions_name_the_other_file(tmp_path):
    one = write(tmp_path, TWO + "mvtec-tile,90.00,0.00\n", "a/x/mvtec/k_1/csv/Seed_1-results.csv")
    two = write(
        tmp_path, TWO + "mvtec-tile,80.00,0.00\nmvtec-wood,70.00,0.00\n", "b/x/mvtec/k_1/csv/Seed_1-results.csv"
    )
    [run], [(rejected, reason)] = read(two, one)
    assert {category: value(run, category, "harmonic") for category in run.categories} == {"tile": 0.9, "wood": 0.7}
    assert run.files == {one, two}
    assert rejected == two
    assert str(one) in reason
    assert "--experiment" in reason


def test_a_number_cut_by_the_end_of_the_file_is_not_believed(tmp_path):
    path = write(tmp_path, TWO + "mvtec-tile,90.00,80.00\nmvtec-wood,99.10,9")
    runs, [(_, reason)] = read(path)
    assert [list(run.categories) for run in runs] == [["tile", "wood"], ["tile"]]
    assert reason.startswith("line 3: ")
    assert "ends here" in reason
    runs, rejected = read(write(tmp_path, TWO + "mvtec-tile,90.00,80.00"))
    assert (len(runs), rejected) == (2, [])


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbf" + (TWO + "mvtec-tile,90.00,0.00\n").replace("\n", "\r\n").encode())
    assert official_csv.recognise(path)
    [run], rejected = read(path)
    assert (value(run, "tile", "harmonic"), rejected) == (0.9, [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"\n\n", "empty file"),
        (TWO.encode() + b"mvtec-t\xfcle,90.00,0.00\n", "not UTF-8 text"),
        (TWO.encode() + b'mvtec-tile,"90.00,0.00\n', "not a readable CSV file"),
        (TWO.encode() + b"mvtec-" + b"a" * 200_000 + b",90.00,0.00\n", "not a readable CSV file"),
        (b",i_roc,i_roc\nmvtec-tile,90.00,0.00\n", "two columns"),
        (bytes(range(256)) * 20, "not UTF-8 text"),
    ],
)
def test_a_broken_file_is_rejected_with_the_reason(tmp_path, content, reason):
    path = write(tmp_path, content)
    assert reason in only_reason(path)
    assert reason in only_reason(path, k_shot=1)


def test_a_file_cut_anywhere_never_gives_a_number_that_the_whole_file_does_not_have(tmp_path):
    whole = (FOUR + "mvtec-tile,99.10,98.20,97.30,96.40\nmvtec-wood,89.10,88.20,87.30,86.40\n").encode()
    expected = numbers(read(write(tmp_path, whole))[0])
    assert len(expected) == 8
    for end in range(len(whole)):
        path = write(tmp_path, whole[:end])
        if official_csv.recognise(path):
            assert numbers(read(path)[0]) <= expected


def numbers(runs):
    return {
        (run.task, category, metric.branch, metric.value)
        for run in runs
        for category, result in run.categories.items()
        for metric in result.metrics
    }


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_and_semicolons_with_decimal_commas_are_read(tmp_path, encoding):
    text = (TWO + "mvtec-tile,90.25,0.00\n").replace(",", ";").replace(".", ",")
    path = write(tmp_path, ("\ufeff" * (encoding == "utf-16-le") + text).encode(encoding))
    assert official_csv.recognise(path)
    [run], rejected = read(path)
    assert (value(run, "tile", "harmonic"), rejected) == (0.9025, [])


def test_fractions_are_refused_with_the_way_to_fix_them(tmp_path):
    reason = only_reason(write(tmp_path, TWO + "mvtec-carpet,0.9825,0.9901\nmvtec-grid,0.9725,0.9710\n"))
    assert reason == "the numbers of i_roc, p_roc look like fractions; percents are expected: multiply by 100"


def test_one_column_of_fractions_costs_itself_alone(tmp_path):
    [run], [(_, reason)] = read(write(tmp_path, TWO + "mvtec-carpet,98.25,0.9901\nmvtec-grid,0.00,0.9710\n"))
    assert (run.task, list(run.categories)) == ("cls", ["carpet"])
    assert reason.startswith("the numbers of p_roc look like fractions")


def test_inverted_scores_below_one_percent_are_believed_in_a_column_of_low_percents(tmp_path):
    [run], rejected = read(write(tmp_path, TWO + "mvtec-carpet,0.75,0.00\nmvtec-grid,12.00,0.00\n"))
    assert not rejected
    assert value(run, "carpet", "harmonic") == 0.0075


def test_rows_without_a_dataset_are_of_the_dataset_of_the_folder_or_the_option(tmp_path):
    text = TWO + "carpet,100.00,99.01\ngrid,98.25,97.10\n"
    (cls, seg), rejected = read(write(tmp_path, text))
    assert not rejected
    assert (cls.dataset, value(cls, "carpet", "harmonic"), value(seg, "grid", "harmonic")) == ("mvtec", 1.0, 0.971)
    path = write(tmp_path, text, "elsewhere/mine.csv")
    assert "give --dataset" in read(path, k_shot=1)[1][0][1]
    (cls, _), rejected = read(path, k_shot=1, dataset="mine")
    assert (cls.dataset, list(cls.categories), rejected) == ("mine", ["carpet", "grid"], [])


def test_the_method_that_is_given_counts_and_tells_no_epoch_selection(tmp_path):
    path = write(tmp_path, TWO + "mvtec-tile,90.00,0.00\n")
    for method, selection in (("mine", "unknown"), ("PromptAD", "best_on_test")):
        [run], _ = read(path, method=method)
        assert (run.method, run.selection, run.assumed) == (method, selection, {})
        assert run.categories["tile"].metrics[0].branch == "harmonic"
    [run], _ = read(path)
    assert (run.method, run.selection, run.assumed) == ("PromptAD", "best_on_test", {"method": "the columns"})


def test_the_files_of_winclip_tell_dataset_and_k_by_their_name(tmp_path):
    text = TWO + "visa-candle,95.00,93.01\nvisa-pcb1,88.25,87.10\n"
    for name, k_shot, branch in (
        ("e/csv/visa-k-0-indx-0.csv", 0, "semantic"),
        ("e/csv/visa-k-4-indx-0.csv", 4, "score"),
    ):
        (cls, seg), rejected = read(write(tmp_path, text, name))
        assert not rejected
        assert (cls.method, cls.selection, cls.dataset, cls.k_shot) == ("WinCLIP", "unknown", "visa", k_shot)
        assert cls.assumed == {"method": "the name of the file"}
        assert (value(cls, "candle", branch), value(seg, "pcb1", branch)) == (0.95, 0.871)
    again = write(tmp_path, text.replace("95.00", "94.00"), "e/csv/visa-k-4-indx-1.csv")
    runs, rejected = read(tmp_path / "e/csv/visa-k-4-indx-0.csv", again)
    assert not rejected
    assert {run.variant for run in runs} == {"baseline", "index 1"}


def test_means_and_blank_rows_are_passed_over(tmp_path):
    path = write(tmp_path, TWO + "mvtec-tile,90.00,0.00\n,,\nmean,90.00,0.00\nmvtec-wood,80.00,0.00\nMean,85.00,0.00\n")
    [run], rejected = read(path)
    assert (list(run.categories), rejected) == (["tile", "wood"], [])


def test_only_its_own_files_are_recognised(tmp_path):
    row = "mvtec-tile,90.00,0.00\n"
    assert official_csv.recognise(write(tmp_path, TWO + row, "any.csv"))
    assert official_csv.recognise(write(tmp_path, TWO, "header_only.csv"))
    assert official_csv.recognise(write(tmp_path, (TWO + row).encode("utf-16"), "wide.csv"))
    assert not official_csv.recognise(write(tmp_path, TWO + row, "any.txt"))
    assert not official_csv.recognise(write(tmp_path, "category,auroc\nmvtec-tile,90\n", "auroc.csv"))
    assert not official_csv.recognise(write(tmp_path, b"", "empty.csv"))
    assert not official_csv.recognise(write(tmp_path, bytes(range(256)) * 9, "garbage.csv"))
    assert not official_csv.recognise(tmp_path / "missing.csv")


@needs_data
def test_a_copied_sample_keeps_its_numbers_under_another_root(tmp_path):
    shutil.copytree(DATA / "visa", tmp_path / "rerun" / "visa")
    runs, rejected = read(*(tmp_path / "rerun").rglob("*.csv"))
    assert ({run.experiment for run in runs}, rejected) == ({"rerun"}, [])
