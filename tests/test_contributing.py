"""CONTRIBUTING.md, SECURITY.md and the README name the rooms that there are, in the order of the contract."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "promptad_db"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\(([^)#:]+)\)")


def layers_of(container):
    (found,) = [
        contract["layers"]
        for contract in PYPROJECT["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == [container]
    ]
    return found


def picture():
    lines = re.search(r"```layers\n(.*?)```", GUIDE, re.DOTALL)[1].splitlines()
    return [tuple(re.split(r" {2,}", line)) for line in lines]


def rooms():
    return {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}


def modules():
    return {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}


def test_the_picture_shows_the_layers_of_the_contract():
    assert [line[0] for line in picture()] == layers_of("promptad_db")
    assert all(len(line) == 2 and line[1] for line in picture())


def test_every_room_is_in_the_picture_and_everything_in_the_picture_is_there():
    assert {room for line in picture() for room in line[0].split(" | ")} == rooms() | modules()


def test_the_floors_of_the_database_room_are_told_from_top_to_bottom():
    (line,) = [told for name, told in picture() if name == "db"]
    assert line.startswith(" | ".join(layers_of("promptad_db.db")))


def test_every_file_and_folder_that_the_guide_sends_to_exists():
    paths = re.findall(r"`([a-z_]+(?:/[a-z_]*)+(?:\.[a-z]+)?)`", GUIDE)
    paths += re.findall(r"\b((?:tests|docs)/[a-z_/-]+\.(?:py|md))\b", GUIDE)
    assert len(paths) > 30
    places = (ROOT, PACKAGE, PACKAGE / "db", PACKAGE / "ingestion", PACKAGE / "run_folder")
    assert [path for path in paths if not any((place / path).exists() for place in places)] == []


def test_the_table_of_rooms_in_the_readme_is_complete():
    table = README[README.index("| room |") : README.index("Imports point downwards only")]
    first = " ".join(line.split("|")[1] for line in table.splitlines()[2:] if line.startswith("|"))
    told = set(re.findall(r"`(\w+)/`", first)) | set(re.findall(r"`(\w+)\.py`", first))
    assert told == rooms() | modules() | {"sql", "migrations"}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_between_the_pages_lead_somewhere(page):
    for link in LINK.findall((ROOT / page).read_text()):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_the_pages_are_in_the_source_distribution(page):
    assert page in PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_no_address_is_invented(page):
    text = (ROOT / page).read_text()
    assert not re.search(r"https?://|[\w.]+@[\w.]+\.\w+", text)
