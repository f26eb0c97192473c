"""One file a branch: one run with both branches, or one clear line where the files do not belong together."""

from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from promptad_db import ingest, open_db, run_folder
from promptad_db.ingestion.readers import ImportOptions

LABELS = [0, 0, 0, 1, 1, 1]
SCORES = {
    "semantic": [0.1, 0.6, 0.2, 0.3, 0.7, 0.5],
    "memory": [0.3, 0.1, 0.2, 0.9, 0.8, 0.4],
    "gate": [0.2, 0.1, 0.5, 0.4, 0.3, 0.9],
}
HEADER = "dataset,category,k_shot,seed,task,branch,image,label,score\n"


def write(
    name, branch, scores=None, *, k_shot=1, labels=LABELS, order=range(6), image="{}.png", categories=("bottle",)
):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    scores = scores or SCORES[branch]
    lines = [
        f"mvtec,{category},{k_shot},111,cls,{branch},{image.format(i)},{labels[i]},{scores[i]}\n"
        for category in categories
        for i in order
    ]
    path.write_text(HEADER + "".join(lines))
    return path


def gaps(db="d.duckdb"):
    return (
        open_db(db)
        .query("SELECT experiment, category, ROUND(gap, 9) FROM branch_gap WHERE gap IS NOT NULL ORDER BY ALL")
        .rows
    )


GAP = round(roc_auc_score(LABELS, SCORES["memory"]) - roc_auc_score(LABELS, SCORES["semantic"]), 9)


def test_files_of_one_folder_become_one_run_called_after_the_folder():
    write("split/semantic.csv", "semantic", categories=("bottle", "grid"))
    write("split/memory.csv", "memory", order=[5, 3, 1, 0, 2, 4])
    first, second = (ingest("split", db="d.duckdb") for _ in range(2))
    assert (len(first.added), first.rejected, first.notes) == (1, [], [])
    assert (len(second.unchanged), second.rejected) == (1, [])
    assert gaps() == [("split", "bottle", GAP)]
    [run] = run_folder.find_runs(Path("runs"))
    assert list(run_folder.read_category(run, "bottle").scores) == ["memory", "semantic", "max", "harmonic"]
    assert list(run_folder.read_category(run, "grid").scores) == ["semantic"]


def test_files_that_are_read_one_after_the_other_into_one_experiment_become_one_run_too():
    options = ImportOptions(experiment="one")
    paths = [
        write(f"{branch}.csv", branch, order=order)
        for branch, order in zip(SCORES, (range(6), [5, 3, 1, 0, 2, 4], range(6)), strict=True)
    ]
    for path in [*paths, *paths]:
        assert ingest(path, db="d.duckdb", options=options).rejected == []
    assert gaps() == [("one", "bottle", GAP)]
    [run] = run_folder.find_runs(Path("runs"))
    result = run_folder.read_category(run, "bottle")
    assert {branch: values.tolist() for branch, values in result.scores.items() if branch in SCORES} == SCORES
    assert {metric.branch for metric in result.metrics} == {*SCORES, "max", "harmonic"}
    assert len(run_folder.read_run(run).source["files"]) == 3
    again = ingest(*paths, db="d.duckdb", options=options, replace=True)
    assert (again.rejected, len(again.unchanged)) == ([], 1)


def test_branches_join_also_where_the_run_folders_lie_below_the_folder_that_is_read():
    options = ImportOptions(experiment="one")
    ingest(write("in/semantic.csv", "semantic"), db="d.duckdb", runs="in/runs", options=options)
    write("in/memory.csv", "memory")
    outcome = ingest("in", db="d.duckdb", runs="in/runs", options=options)
    assert (outcome.rejected, gaps()) == ([], [("one", "bottle", GAP)])


@pytest.mark.parametrize("together", [True, False])
def test_images_are_the_same_by_whatever_path_a_file_names_them(together):
    options = ImportOptions(experiment="one")
    paths = [
        write("semantic.csv", "semantic", image="crack/{}.png"),
        write("memory.csv", "memory", image="/data/bottle/test/crack/{}.png"),
    ]
    for some in [paths] if together else [[path] for path in paths]:
        assert ingest(*some, db="d.duckdb", options=options).rejected == []
    assert gaps() == [("one", "bottle", GAP)]


def test_a_changed_branch_is_refused_and_nothing_of_the_other_is_lost():
    options = ImportOptions(experiment="one")
    for branch in ("semantic", "memory"):
        ingest(write(f"{branch}.csv", branch), db="d.duckdb", options=options)
    write("memory.csv", "memory", SCORES["gate"])
    [(path, reason)] = ingest("memory.csv", db="d.duckdb", options=options).rejected
    assert path == Path("memory.csv")
    assert "differs from what was ingested before; --replace" in reason
    assert "--experiment" in reason
    assert gaps() == [("one", "bottle", GAP)]


CONFLICTS = {
    "other numbers": ({"scores": SCORES["gate"]}, "with other scores of branch 'memory'"),
    "other images": ({"image": "x/{}.png"}, "with other images: 6 of them are not here, such as '0.png'"),
    "fewer images": (
        {"order": range(1, 6)},
        "with other images: 1 of them are not here, such as '0.png', and 0 more are",
    ),
    "other labels": ({"labels": [0, 1, 0, 1, 1, 1]}, "with another label of image '1.png'"),
}


@pytest.mark.parametrize(("change", "reason"), CONFLICTS.values(), ids=CONFLICTS)
def test_files_that_do_not_belong_together_are_named_in_one_line(change, reason):
    write("split/1.csv", "semantic")
    write("split/2.csv", "memory")
    last = write("split/3.csv", "memory", **change)
    outcome = ingest("split", db="d.duckdb")
    [(path, given)] = outcome.rejected
    assert path == last
    assert given.startswith("bottle (mvtec, K = 1, seed 111): it is in split/1.csv, split/2.csv already, ")
    assert reason in given
    assert "--experiment" in given
    assert gaps() == [("split", "bottle", GAP)]


def test_the_same_branch_told_twice_alike_is_no_conflict():
    write("split/1.csv", "semantic")
    write("split/2.csv", "memory")
    write("split/3.csv", "memory", order=[2, 1, 0, 3, 4, 5])
    assert ingest("split", db="d.duckdb").rejected == []
    assert gaps() == [("split", "bottle", GAP)]


def test_files_of_other_settings_and_whole_files_stay_apart():
    write("a/semantic.csv", "semantic")
    write("a/memory.csv", "memory", k_shot=2)
    write("b/patchcore.csv", "memory")
    write("b/padim.csv", "memory", SCORES["gate"])
    whole = write("c/whole.csv", "memory")
    whole.write_text(whole.read_text() + write("c/more.csv", "semantic").read_text().removeprefix(HEADER))
    outcome = ingest("a", "b", "c", db="d.duckdb")
    assert outcome.rejected == []
    names = {name for (name,) in open_db("d.duckdb").query("SELECT DISTINCT experiment FROM runs").rows}
    assert names == {"semantic", "memory", "patchcore", "padim", "whole", "more"}
    assert gaps() == [("whole", "bottle", GAP)]


def test_the_experiment_that_is_given_counts():
    write("split/semantic.csv", "semantic")
    write("split/memory.csv", "memory")
    ingest("split", db="d.duckdb", options=ImportOptions(experiment="mine"))
    assert gaps() == [("mine", "bottle", GAP)]
