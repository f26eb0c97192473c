"""The published schema of a run folder is the one that the code checks by, and real run folders satisfy it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from promptad_db import start_run
from promptad_db.errors import InputError
from promptad_db.records import RunInfo, Timings
from promptad_db.schema import conform

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "schema"


def published(name):
    return json.loads((DOCS / name.replace(".json", ".schema.json")).read_text())


def test_the_published_schemas_and_tables_are_those_of_the_code():
    spec = importlib.util.spec_from_file_location("make_schema", DOCS / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    for path, content in make.contents().items():
        assert path.read_text("utf-8") == content, f"{path}: run make schema"


def test_every_field_of_a_run_says_what_it_means():
    page = (ROOT / "docs" / "run-folder.md").read_text("utf-8")
    for name in RunInfo.__dataclass_fields__:
        assert f"| `{name}`" in page
    assert "| |" not in page


def test_real_run_folders_satisfy_the_published_schemas():
    with start_run(
        dataset="mvtec", task="seg", k_shot=1, seed=111, method="mine", db=False, tags=["a"], note="b"
    ) as run:
        maps = np.random.default_rng(0).random((2, 3, 3))
        run.log_category("carpet", images=["a", "b"], masks=np.eye(8)[[0, 1]][:, None] * np.ones((2, 8, 1)) * [[[0]], [[1]]],
                         branches={"semantic": maps, "memory": maps}, timings={"encode": 1})  # fmt: skip
    found = 0
    for folder in (run.folder, *(ROOT / "tests" / "stored" / "format_1").iterdir()):
        for name in ("run.json", "metrics.json", "timings.json"):
            for path in folder.rglob(name):
                jsonschema.validate(json.loads(path.read_text()), published(name))
                found += 1
    assert found >= 12


SAID = [
    ({"seconds": {"a": 1, "b": -1}}, "x: seconds.b: must be a number from 0 to 1,000,000,000, not -1"),
    ({"seconds": {"a": 1, "b": True}}, "x: seconds.b: must be a number from 0 to 1,000,000,000, not True"),
    ({"seconds": {"a\0": 1}}, "x: seconds: each key must be a text of at most 500 characters (without NUL or half a character)"),
    ({"seconds": []}, "x: seconds: must be an object, not []"),
    ({}, "x: seconds: is missing, must be an object"),
    ([], "x: must be an object, not []"),
    ({"seconds": {}, "images": 10**5000}, "x: images: must be a whole number from 0 to 9,007,199,254,740,992, not a number of thousands of digits"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), SAID, ids=[message[:50] for _, message in SAID])
def test_a_message_names_the_file_the_field_and_what_is_right(content, message):
    with pytest.raises(InputError) as error:
        conform(content, Timings, "x")
    assert str(error.value) == message


def test_a_message_of_a_huge_value_is_short():
    with pytest.raises(InputError) as error:
        conform({"seconds": {"a": ["x" * 10**6] * 100}}, Timings, "x")
    assert len(str(error.value)) < 600
