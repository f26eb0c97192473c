"""The wheel holds all that it needs and works outside the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_migrations_queries_and_the_type_marker(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("migrations", "promptad_db/sql"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".sql", ".mako"):
                inside = path.relative_to(ROOT).as_posix()
                assert (inside if inside.startswith("promptad_db") else f"promptad_db/{inside}") in names
    assert "promptad_db/py.typed" in names
    assert not any(name.startswith(("tests/", "migrations/")) for name in names)


def test_the_installed_wheel_works_outside_the_checkout(wheel, shared_gate, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    binaries = tmp_path / "venv" / "bin"
    subprocess.run([binaries / "pip", "install", "--quiet", wheel], check=True, capture_output=True, timeout=900)

    def call(*arguments):
        command = [binaries / "promptad-db", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120).stdout

    call("ingest", shared_gate)
    report = call("report", "--format", "json")
    told = json.loads(report)
    assert [row["semantic_weaker"] for row in told["summary"]] == [42, 56]
    assert json.loads(call("audit", "--format", "json"))["cells"] == 81
    (tmp_path / "promptad.duckdb").unlink()
    call("rebuild")
    assert call("report", "--format", "json") == report
