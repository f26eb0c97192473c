"""Small files are read strictly and written whole, and a free text becomes a file name that stays in its folder."""

import json
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_TEXT
from promptad_db.storage import files

HOSTILE_NAMES = [
    ".", "..", "../x", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "con:", " leading", ".hidden", "..x",
    "<script>alert(1)</script>", "metal_nut", "metal nut", "%2F", "%", "100%", "\x00", "a\nb", "\x1b[31m", "💥", "naïve",
    "日本語", "a?b*c|d\"e'f", "$(rm -rf ~)", "`ls`", "-rf", "~", "trailing.", "trailing ", "\u202e", "\u2028x",
]  # fmt: skip


NOT_JSON = {
    "nan": (b'{"a": NaN}', "NaN"),
    "infinity": (b"[Infinity]", "Infinity"),
    "minus infinity": (b"[-Infinity]", "-Infinity"),
    "overflow": (b"[1e999]", ""),
    "minus overflow": (b"[-1e999]", ""),
    "truncated": (b'{"a": [1, 2', "not valid JSON"),
    "empty": (b"", "not valid JSON"),
    "single quotes": (b"{'a': 1}", "not valid JSON"),
    "two values": (b"[1] [2]", "not valid JSON"),
    "not utf-8": (b'["\xff"]', "not UTF-8"),
    "latin-1": ('["ä"]'.encode("latin-1"), "not UTF-8"),
    "deep lists": (b"[" * 200_000, "nested too deeply"),
    "deep objects": (b'{"a":' * 200_000, "nested too deeply"),
    "endless number": (b"[" + b"1" * 10_000 + b"]", ""),
}


@pytest.mark.parametrize(("content", "reason"), NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_strict_json_is_refused_with_the_file_and_the_reason(tmp_path, content, reason):
    path = tmp_path / "scores.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"scores\.json") as error:
        files.read_json(path)
    assert reason in str(error.value)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read") as error:
            files.read_json(path)
        assert str(path) in str(error.value)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "endless.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_TEXT + 1)
    with pytest.raises(InputError, match="larger than 64 MiB"):
        files.read_json(path)


def test_of_a_key_that_stands_twice_the_last_counts(tmp_path):
    path = tmp_path / "twice.json"
    path.write_text('{"a": 1, "a": 2}')
    assert files.read_json(path) == {"a": 2}


finite = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | finite | st.text()


@settings(max_examples=30)
@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_what_is_written_is_read_back(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "round-trip.json"
    files.write_bytes(path, files.json_bytes(content))
    assert files.read_json(path) == content


UNWRITABLE = {"nan": float("nan"), "infinity": float("inf"), "object": object(), "half": "\ud800", "set": {1: {2, 3}}}


@pytest.mark.parametrize("bad", UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, bad):
    path = tmp_path / "run.json"
    files.write_bytes(path, files.json_bytes({"whole": True}))
    with pytest.raises((TypeError, ValueError)):
        files.write_bytes(path, files.json_bytes({"first": 1, "then": bad}))
    assert json.loads(path.read_text()) == {"whole": True}
    assert [child.name for child in tmp_path.iterdir()] == ["run.json"]


def test_temporary_names_are_hidden_beside_the_file_short_enough_and_never_the_same(tmp_path):
    path = tmp_path / ("x" * 200)
    names = {files.temporary_name(path) for _ in range(50)}
    assert len(names) == 50
    assert all(name.parent == tmp_path and name.name.startswith(".") and len(name.name) < 255 for name in names)


@given(st.text(min_size=1, max_size=16) | st.sampled_from(HOSTILE_NAMES))
@example("..")
@example("./..")
def test_any_text_becomes_a_folder_directly_below_and_comes_back(text):
    assume(text.strip())
    name = files.folder_name(text)
    assert files.text_of(name) == text
    assert name[0] not in ". "
    for kind in (PurePosixPath, PureWindowsPath):
        here = kind("/runs")
        assert (here / name).parent == here
        assert (here / name).name == name
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set('<>:"/\\|?*')


@given(st.text(max_size=8), st.text(max_size=8))
def test_two_texts_never_share_a_folder(one, other):
    assume(one != other and one.strip() and other.strip())
    assert files.folder_name(one) != files.folder_name(other)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_makes_one_folder_where_it_should(tmp_path, name):
    home = tmp_path / "home"
    (home / files.folder_name(name)).mkdir(parents=True)
    assert [files.text_of(child.name) for child in home.iterdir()] == [name]
    assert list(tmp_path.iterdir()) == [home]


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
def test_an_empty_name_is_refused(name):
    with pytest.raises(InputError, match="empty"):
        files.folder_name(name)


@pytest.mark.parametrize("name", ["x" * 201, "é" * 40, "💥" * 17])
def test_a_name_too_long_for_a_folder_is_refused(name):
    with pytest.raises(InputError, match="too long"):
        files.folder_name(name)


def test_a_name_of_half_a_character_is_refused():
    with pytest.raises(InputError):
        files.folder_name("half \ud83d")


def test_the_hash_of_files_tells_names_bytes_and_borders_apart(tmp_path):
    for name, content in {"a": b"1", "b": b"1", "c": b"12", "d": b"", "e": b"2"}.items():
        (tmp_path / name).write_bytes(content)
    a, b, c, d, e = (tmp_path / name for name in "abcde")
    hashes = [files.sha256_of(*paths) for paths in ((a,), (b,), (c,), (d,), (), (a, e), (e, a), (c, d))]
    assert len(set(hashes)) == len(hashes)
    assert files.sha256_of(a, e) == files.sha256_of(a, e)
