"""The README's commands do what it shows.

``PROMPTAD_DB_REWRITE_README=1`` writes what they print now into the README.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from promptad_db import open_db

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"```(\w+)\n(.*?)```\n", re.DOTALL)
REWRITE = "PROMPTAD_DB_REWRITE_README"


def blocks(language):
    return [found[2] for found in BLOCK.finditer(README.read_text()) if found[1] == language]


def run_block(block: str, place: Path) -> str:
    """The block again, with what its commands print now."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PROMPTAD")},
        "COLUMNS": "100",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    printed = []
    for line in block.splitlines():
        if line.startswith("$ "):
            answer = subprocess.run(
                ["bash", "-c", line[2:]],
                cwd=place, env=environment, text=True, check=False, timeout=120,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            assert answer.returncode == 0, answer.stdout
            printed += [line, *answer.stdout.rstrip("\n").splitlines()]
    return "".join(f"{line}\n" for line in printed)


def test_the_console_blocks_print_what_they_show(shared_gate, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "gate").symlink_to(shared_gate)
    text = README.read_text()
    for block in blocks("console"):
        printed = run_block(block, tmp_path)
        if os.environ.get(REWRITE):
            text = text.replace(f"```console\n{block}```", f"```console\n{printed}```")
        else:
            assert printed == block
    if os.environ.get(REWRITE):
        README.write_text(text)


def test_the_python_example_runs_and_logs_exact_numbers(capsys):
    exec(compile(blocks("python")[0], "README.md", "exec"), {})
    assert "('harmonic', 0." in capsys.readouterr().out
    rows = open_db().query("SELECT DISTINCT provenance FROM metrics").rows
    assert rows == [("exact",)]


class _StandIn:
    """The three calls of the public PromptAD model that the README names, with its shapes."""

    def encode_image(self, data):
        return data

    def calculate_textual_anomaly_score(self, features, _task):
        return np.random.default_rng(0).random((len(features), 1, 15, 15), dtype=np.float32)

    def calculate_visual_anomaly_score(self, features):
        return np.random.default_rng(1).random((len(features), 1, 15, 15), dtype=np.float32)


def test_the_lines_for_the_public_test_loop_fit_into_it(tmp_path):
    before, *inside_and_after = blocks("python")[1].splitlines()
    inside = [line for line in inside_and_after if line.startswith("    ") and "log_category" not in line]
    after = [line for line in inside_and_after if line not in inside]
    loop = "\n".join(
        [
            "import promptad_db",
            before,
            "for data in batches:",
            *inside,
            *after,
        ]
    )
    masks = [np.zeros((400, 400), dtype=np.uint8) for _ in range(6)]
    masks[5][100:200, 50:90] = 1
    arguments = type("Arguments", (), {"dataset": "mvtec", "k_shot": 1, "seed": 111, "class_name": "carpet"})
    scope = {
        "batches": [np.zeros((4, 3, 8, 8)), np.zeros((2, 3, 8, 8))],
        "model": _StandIn(),
        "args": arguments,
        "names": [f"carpet-{index}" for index in range(6)],
        "gt_mask_list": masks,
    }
    exec(compile(textwrap.dedent(loop), "README.md", "exec"), scope)
    rows = open_db().query("SELECT branch, auroc IS NOT NULL FROM branch_auroc ORDER BY branch").rows
    assert rows == [("harmonic", True), ("max", True), ("memory", True), ("semantic", True)]


@pytest.mark.parametrize("name", ["LICENSE", "CHANGELOG.md", "runs/README.md", "Makefile"])
def test_the_files_that_the_readme_speaks_of_exist(name):
    assert (README.parent / name).is_file()
