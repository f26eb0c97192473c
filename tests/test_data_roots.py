"""Data sets on stores give the numbers that they give on this machine."""

from stores import snapshot, upload


def test_what_is_uploaded_is_there(store, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c d#1?.txt").write_bytes(b"1")
    (tmp_path / "a.txt").write_bytes(b"2")
    upload(tmp_path, f"{store}/x")
    assert snapshot(store) == {"x/a/b/c d#1?.txt": b"1", "x/a.txt": b"2"}
    upload(tmp_path / "a", f"{store}/y")
    assert "y/b/c d#1?.txt" in snapshot(store)
