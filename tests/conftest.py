"""What tests share: the real data beside the project, small runs, and the command line as a user calls it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from stores import gs_server, gs_store, s3_server, s3_store, sftp_server, sftp_store, store  # noqa: F401 - fixtures

from promptad_db import run_folder, start_run
from promptad_db.records import CategoryResult, Metric, RunInfo

if TYPE_CHECKING:
    from collections.abc import Callable

# The tests run in as many processes as there are cores; torch with threads of its own would only get in their way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


class Answer(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in its own folder, with no environment of ours around it."""
    for name in ("PROMPTAD_DB", "PROMPTAD_RUNS", "PROMPTAD_LOCK_TIMEOUT", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Call ``promptad-db`` in this process, through its real entry point."""
    from promptad_db.cli.main import main

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["promptad-db", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return Answer(int(end.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthetic categories, leather and nut: four train images, three good ones, one of every defect type."""
    from promptad_db.datasets.synthetic import write_dataset

    root = tmp_path_factory.mktemp("pictures")
    write_dataset(root, categories=("leather", "nut"), train=4, test_good=3, test_per_defect=1)
    return root


@pytest.fixture(scope="session")
def shared_gate() -> Path:
    """The public run of a PromptAD fork over all 27 categories."""
    if not (SHARED_DATA / "gate").is_dir():
        pytest.skip(f"the measured data is not beside the project ({SHARED_DATA})")
    return SHARED_DATA / "gate"


@pytest.fixture(scope="session")
def gate_place(shared_gate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs/ and promptad.duckdb made from the gate data, ingested once; not to be changed."""
    from promptad_db import ingest

    place = tmp_path_factory.mktemp("gate")
    outcome = ingest(shared_gate, db=place / "promptad.duckdb", runs=place / "runs")
    assert not outcome.rejected
    return place


@pytest.fixture
def make_run() -> Callable[..., Path]:
    """Write a run folder of reported AUROCs: {category: {branch: fraction}}; returns it."""

    def make(categories: dict[str, dict[str, float | None]], root: Path | None = None, **fields: object) -> Path:
        created_at = run_folder.now()
        info = {
            "experiment": "e",
            "method": "m",
            "variant": "baseline",
            "task": "seg",
            "dataset": "mvtec",
            "k_shot": 1,
            "seed": 111,
            "created_at": created_at,
            "status": "finished",
            **fields,
        }
        names = {name: info[name] for name in ("dataset", "k_shot", "seed", "task")}
        run_id = run_folder.new_run_id(str(info["created_at"]), **names)  # type: ignore[arg-type]
        folder = run_folder.create_run(root or Path("runs"), RunInfo(run_id=run_id, **info))  # type: ignore[arg-type]
        level = "pixel" if info["task"] == "seg" else "image"
        for category, branches in categories.items():
            metrics = [
                Metric(level, branch, "auroc", value, "reported", note=None if value is not None else "undefined")
                for branch, value in branches.items()
            ]
            run_folder.write_category(folder, CategoryResult(category, metrics=metrics))
        return folder

    return make


@pytest.fixture
def log_run() -> Callable[..., Path]:
    """Log a small random run with maps through the Python API; returns its folder."""

    def log(*categories: str, seed: int = 0, **fields: object) -> Path:
        random = np.random.default_rng(seed)
        masks = np.zeros((6, 24, 24), dtype=bool)
        masks[3:, 8:14, 4:12] = True
        arguments = {"dataset": "mvtec", "task": "seg", "k_shot": 1, "seed": seed, "method": "m", **fields}
        with start_run(**arguments) as run:  # type: ignore[arg-type]
            for category in categories:
                run.log_category(
                    category,
                    images=[f"crack/{index:03d}.png" for index in range(6)],
                    branches={name: random.random((6, 6, 6)) for name in ("semantic", "memory")},
                    masks=masks,
                )
        return run.folder

    return log


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory):
    """The name of a small ViT of twelve blocks that open_clip knows: 48 x 48 images, a grid of 3 x 3."""
    import open_clip

    folder = tmp_path_factory.mktemp("open_clip")
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 48, "layers": 12, "width": 32, "head_width": 8, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
    }
    (folder / "small-vit.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    return "small-vit"


@pytest.fixture(scope="session")
def encoder(small_clip):
    from promptad_db.model.clip import ClipEncoder

    return ClipEncoder(small_clip)
