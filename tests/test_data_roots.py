"""Datasets on stores: read like those on this machine, with few requests, and refused in one clear line."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stores import PASSWORD, USER, snapshot, upload

from promptad_db import run_folder
from promptad_db.datasets import open_dataset
from promptad_db.datasets.check import check_dataset
from promptad_db.datasets.images import load_masks, read_image
from promptad_db.datasets.layout import category_root
from promptad_db.datasets.listing import read_bytes
from promptad_db.datasets.overlap import support_in_test
from promptad_db.datasets.shots import draw_shots
from promptad_db.datasets.synthetic import write_dataset
from promptad_db.errors import InputError
from promptad_db.storage import folder_at
from promptad_db.sweeps.grid import data_roots

CATEGORIES = ("leather", "nut")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two synthetic categories: three train images, two good ones, one of every defect type."""
    root = tmp_path_factory.mktemp("pictures")
    write_dataset(root, categories=CATEGORIES, train=3, test_good=2, test_per_defect=1)
    return root


@pytest.fixture
def visa(tmp_path):
    """VisA as published, of one object; a mask is missing, and another belongs to no image."""
    root = tmp_path / "visa"
    lines = ["object,split,label,image,mask"]
    for split, label, folder, name in (
        ("train", "normal", "Normal", "000.JPG"),
        ("test", "normal", "Normal", "001.JPG"),
        ("test", "anomaly", "Anomaly", "000.JPG"),
        ("test", "anomaly", "Anomaly", "001.JPG"),
    ):
        path = root / "candle/Data/Images" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), len(lines)).save(path)
        mask = "candle/Data/Masks/Anomaly/000.png" if (folder, name) == ("Anomaly", "000.JPG") else ""
        lines.append(f"candle,{split},{label},{path.relative_to(root).as_posix()},{mask}")
    masks = root / "candle/Data/Masks/Anomaly"
    masks.mkdir(parents=True)
    for name in ("000.png", "007.png"):
        Image.new("L", (8, 6), 255).save(masks / name)
    (root / "split_csv").mkdir()
    (root / "split_csv/1cls.csv").write_text("\n".join(lines))
    return root


@pytest.fixture
def requests_of(monkeypatch):
    """The names of the requests that S3 was sent since this was last called."""
    s3fs = pytest.importorskip("s3fs")
    sent = []
    send = s3fs.S3FileSystem._call_s3

    async def counted(self, method, *arguments, **options):
        sent.append(method)
        return await send(self, method, *arguments, **options)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counted)

    def take():
        taken = list(sent)
        sent.clear()
        return taken

    return take


def run_tiny(cli, root, place, *more):
    """Run the tiny model on the pictures; what the run folders hold, by task and category."""
    arguments = ("--dataset", "synthetic", "--data-root", root, "--model", "tiny", "--epochs", 2, "--resolution", 60)
    answer = cli("run", *arguments, *more, "--runs", place / "runs", "--db", place / "a.duckdb")
    assert answer.code == 0, answer.err
    return read_all(answer.out.splitlines())


def read_all(folders):
    found = {}
    for folder in map(Path, folders):
        info = run_folder.read_run(folder)
        for name in run_folder.list_categories(folder):
            found[info.task, name] = run_folder.read_category(folder, name)
    return found


def assert_same(one, other):
    """All scores and metrics are equal to the last bit."""
    assert one.keys() == other.keys()
    for key, result in one.items():
        assert result.images == other[key].images
        assert result.metrics == other[key].metrics
        for branch, scores in result.scores.items():
            assert (scores == other[key].scores[branch]).all()


def named(category):
    return [
        (image.name, image.defect_type, image.mask and image.mask.name) for image in (*category.train, *category.test)
    ]


def test_what_is_uploaded_is_there(store, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c d#1?.txt").write_bytes(b"1")
    (tmp_path / "a.txt").write_bytes(b"2")
    upload(tmp_path, f"{store}/x")
    assert snapshot(store) == {"x/a/b/c d#1?.txt": b"1", "x/a.txt": b"2"}


def test_a_data_set_on_a_store_has_the_images_and_masks_that_it_has_here(store, pictures):
    there = open_dataset("synthetic", upload(pictures, f"{store}/data"))
    here = open_dataset("synthetic", pictures)
    assert there.categories == here.categories == CATEGORIES
    for name in CATEGORIES:
        one, other = there.category(name), here.category(name)
        assert named(one) == named(other)
        assert [shot.name for shot in draw_shots(one, 2, 111)] == [shot.name for shot in draw_shots(other, 2, 111)]
        assert (load_masks(one.test, 30, 20) == load_masks(other.test, 30, 20)).all()
        assert (np.asarray(read_image(one.train[0].path)) == np.asarray(read_image(other.train[0].path))).all()
        assert there.stray_masks(one) == []


def test_a_data_set_may_be_one_level_down_or_be_named_by_its_parent(store, pictures):
    upload(pictures, f"{store}/synthetic")
    assert str(open_dataset("synthetic", store).root) == f"{store}/synthetic"
    assert str(category_root(folder_at(store), "synthetic", "nut")) == f"{store}/synthetic/nut"
    with pytest.raises(InputError, match=f"give --data-root {store}/synthetic"):
        open_dataset("mine", store)
    with pytest.raises(InputError, match=f"folder of one category: give --data-root {store}/synthetic"):
        open_dataset("synthetic", f"{store}/synthetic/nut")


def test_visa_as_published_is_read_from_a_store_and_its_gaps_are_found(store, visa):
    there = check_dataset(open_dataset("visa", upload(visa, f"{store}/visa")))
    here = check_dataset(open_dataset("visa", visa))
    assert there.rows == here.rows
    assert [problem.replace(f"{store}/visa", str(visa)) for problem in there.problems] == here.problems
    assert len(here.problems) == 2


def test_what_is_amiss_on_a_store_is_named_by_address(store, pictures, tmp_path):
    root = tmp_path / "broken"
    shutil.copytree(pictures, root)
    (root / "nut/test/good/000.png").write_bytes(b"no picture")
    (root / "nut/ground_truth/bent/000_mask.png").unlink()
    shutil.copy(root / "leather/train/good/000.png", root / "leather/test/good/000.png")
    (root / "nut/ground_truth/bent/099_mask.png").write_bytes(b"")
    there = check_dataset(open_dataset("synthetic", upload(root, store)))
    here = check_dataset(open_dataset("synthetic", root))
    assert [problem.replace(store, str(root)) for problem in there.problems] == here.problems
    assert any(f"{store}/nut/test/good/000.png: not a readable image" in problem for problem in there.problems)
    with pytest.raises(InputError, match=f"{store}/nut/test/bent/000.png: has no mask"):
        open_dataset("synthetic", store).category("nut")
    leather = open_dataset("synthetic", store).category("leather")
    assert support_in_test(leather.train, leather.test) == ["good/000.png"]


def test_a_data_set_is_seen_as_it_was_when_it_was_opened_and_anew_when_it_is_opened_again(store, pictures, tmp_path):
    dataset = open_dataset("synthetic", upload(pictures, store))
    before = len(dataset.category("nut").train)
    more = tmp_path / "nut/train/good/099.png"
    more.parent.mkdir(parents=True)
    Image.new("L", (8, 8)).save(more)
    upload(tmp_path / "nut", f"{store}/nut")
    assert len(dataset.category("nut").train) == before
    assert len(open_dataset("synthetic", store).category("nut").train) == before + 1


def test_each_folder_is_listed_once_and_each_image_is_one_request(s3_store, pictures, requests_of):
    upload(pictures, s3_store)
    requests_of()
    dataset = open_dataset("synthetic", s3_store)
    categories = [dataset.category(name) for name in CATEGORIES]
    listed = requests_of()
    folders = [folder for folder in pictures.rglob("*") if folder.is_dir()]
    assert len(listed) <= len(folders) + len(("root", "synthetic", "1cls", "synthetic/1cls", "split_csv"))
    assert set(listed) <= {"list_objects_v2", "head_object"}
    for image in categories[0].test:
        read_image(image.path)
    assert requests_of() == ["get_object"] * len(categories[0].test)


def test_hostile_names_on_a_store_lead_nowhere(s3_store, pictures):
    upload(pictures, s3_store)
    fs = folder_at(s3_store).fs
    picture = (pictures / "nut/test/good/000.png").read_bytes()
    bucket = folder_at(s3_store).path.rstrip("/")
    script = "<script>alert(1)"
    for key in ("nut/test/../000.png", "nut/test//000.png", f"{script}/test/good/a b?#%2e.png", "nut/test/good/"):
        fs.call_s3("put_object", Bucket=bucket, Key=key, Body=picture)
    dataset = open_dataset("synthetic", s3_store)
    assert dataset.categories == (script, *CATEGORIES)
    assert named(dataset.category("nut")) == named(open_dataset("synthetic", pictures).category("nut"))
    (strange,) = dataset.category(script, verify=False).test
    assert strange.name == "good/a b?#%2e.png"
    assert read_image(strange.path).size == read_image(pictures / "nut/test/good/000.png").size


def test_links_on_an_sftp_server_are_followed(sftp_store, sftp_server, pictures, tmp_path):
    upload(pictures, f"{sftp_store}/kept")
    folder = folder_at(sftp_store)
    folder.fs.ftp.mkdir(f"{folder.path}/shown")
    folder.fs.ftp.symlink(f"{folder.path}/kept/nut", f"{folder.path}/shown/nut")
    folder.fs.ftp.symlink(f"{folder.path}/nowhere", f"{folder.path}/shown/lost")
    dataset = open_dataset("synthetic", f"{sftp_store}/shown")
    assert dataset.categories == ("nut",)
    assert len(dataset.category("nut").train) == 3


def test_threads_read_at_the_same_time_and_a_lost_connection_is_made_again(sftp_store, sftp_server, pictures):
    upload(pictures, sftp_store)
    paths = [image.path for image in open_dataset("synthetic", sftp_store).category("nut").test]
    for _ in range(2):
        with ThreadPoolExecutor(12) as pool:
            read = list(pool.map(read_bytes, paths * 5))
        assert read == read[: len(paths)] * 5
        assert len(set(read)) == len(paths)
        sftp_server.hang_up()


def test_a_root_that_is_not_there_is_refused_in_one_line(store, cli):
    missing = f"{store}-missing/mvtec"
    answer = cli("run", "--dataset", "mvtec", "--data-root", missing, "--check-data")
    assert answer.code == 2
    assert f"'{missing}' does not exist" in answer.err
    with pytest.raises(InputError, match=f"{missing}: no such folder\n  check --data-root"):
        open_dataset("mvtec", missing)


def test_a_file_is_no_root(store, cli, tmp_path):
    (tmp_path / "a.txt").write_text("1")
    upload(tmp_path, f"{store}/x")
    assert cli("run", "--dataset", "mvtec", "--data-root", f"{store}/x/a.txt", "--check-data").code == 2


@pytest.mark.parametrize("address", ["s3://", "gs:///mvtec", "sftp:///home/me/mvtec"])
def test_an_address_without_a_bucket_or_host_is_refused(address, cli):
    answer = cli("run", "--dataset", "mvtec", "--data-root", address, "--check-data")
    assert (answer.code, answer.err.splitlines()[0]) == (2, f"error: {address}: names no bucket or host")


def test_an_address_of_an_unknown_kind_is_refused(cli):
    answer = cli("run", "--dataset", "mvtec", "--data-root", "nix://somewhere/mvtec", "--check-data")
    assert answer.code == 2
    assert "nix://somewhere/mvtec: not an address" in answer.err


def test_a_server_that_does_not_answer_is_named_without_the_password(cli):
    pytest.importorskip("paramiko")
    answer = cli("run", "--dataset", "a", "--data-root", f"sftp://{USER}:{PASSWORD}@127.0.0.1:9/data", "--check-data")
    assert answer.code == 4
    assert answer.err.startswith(f"error: sftp://{USER}@127.0.0.1:9/data: cannot be reached (")
    assert "credentials" in answer.err
    assert PASSWORD not in answer.err
    grid = cli(
        "sweep",
        "run",
        "--experiment",
        "e",
        "--dataset",
        "a",
        "--data-root",
        f"a=sftp://{USER}:{PASSWORD}@127.0.0.1:9/d",
    )
    assert (grid.code, PASSWORD in grid.err) == (4, False)


def test_without_credentials_the_address_and_the_mend_are_named(s3_store, cli, monkeypatch):
    s3fs = pytest.importorskip("s3fs")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(s3fs.S3FileSystem, "_cache", {})
    answer = cli("run", "--dataset", "a", "--data-root", s3_store, "--check-data")
    assert answer.code == 4
    assert answer.err.startswith(f"error: {s3_store}")
    assert "credentials" in answer.err.splitlines()[1]


def test_the_data_check_prints_the_same_table_as_here(store, pictures, cli):
    upload(pictures, f"{store}/data")
    arguments = ("run", "--dataset", "synthetic", "--check-data", "--format", "csv", "--data-root")
    there, here = cli(*arguments, f"{store}/data"), cli(*arguments, pictures)
    assert (there.code, there.out) == (here.code, here.out)
    assert here.code == 0


@pytest.mark.slow
def test_a_run_on_a_store_has_the_numbers_of_a_run_here_and_records_the_address(store, pictures, cli, tmp_path):
    pytest.importorskip("open_clip")
    there = run_tiny(cli, upload(pictures, f"{store}/synthetic"), tmp_path / "there")
    assert_same(there, run_tiny(cli, pictures, tmp_path / "here"))
    assert set(there) == {(task, name) for task in ("cls", "seg") for name in CATEGORIES}
    for folder in (tmp_path / "there/runs").iterdir():
        assert run_folder.read_run(folder).source["data_root"] == f"{store}/synthetic"


@pytest.mark.slow
def test_a_run_goes_on_from_another_place_of_the_same_data(s3_store, pictures, cli, tmp_path):
    pytest.importorskip("open_clip")
    upload(pictures, s3_store)
    run_tiny(cli, s3_store, tmp_path, "--task", "cls", "--category", "nut", "--feature-cache", tmp_path / "features")
    both = run_tiny(cli, pictures, tmp_path, "--task", "cls", "--resume", "--feature-cache", tmp_path / "features")
    assert set(both) == {("cls", name) for name in CATEGORIES}


@pytest.mark.slow
def test_the_password_of_an_address_is_kept_nowhere(sftp_store, pictures, cli, tmp_path, monkeypatch):
    pytest.importorskip("open_clip")
    upload(pictures, sftp_store)
    monkeypatch.setenv("HOME", str(tmp_path))  # where there is no key
    with_user = sftp_store.replace("sftp://", f"sftp://{USER}@")
    with_password = sftp_store.replace("sftp://", f"sftp://{USER}:{PASSWORD}@")
    assert cli("run", "--dataset", "synthetic", "--data-root", with_user, "--check-data").code == 4
    run_tiny(cli, with_password, tmp_path, "--task", "cls", "--category", "nut")
    (folder,) = (tmp_path / "runs").iterdir()
    assert run_folder.read_run(folder).source["data_root"] == with_user
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert kept == []


@pytest.mark.slow
def test_the_workers_of_a_sweep_read_from_a_store(store, pictures, cli, tmp_path):
    pytest.importorskip("open_clip")
    upload(pictures, store)
    here = run_tiny(cli, pictures, tmp_path / "here")
    answer = cli(
        "sweep", "run", "--experiment", "e", "--dataset", "synthetic", "--data-root", f"synthetic={store}", "--workers", 2,
        "--threads", 1, "--model", "tiny", "--epochs", 2, "--resolution", 60, "--runs", "runs", "--db", "a.duckdb",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert_same(read_all(answer.out.splitlines()), here)
    status = cli("sweep", "status", "--experiment", "e", "--runs", "runs", "--db", "a.duckdb", "--format", "csv")
    assert status.code == 0


def test_one_address_may_serve_all_data_sets_of_a_sweep_and_hold_an_equals_sign():
    roots = data_roots(["mvtec", "visa"], ["s3://bucket/day=1", "visa=s3://other/visa=1"])
    assert {name: str(root) for name, root in roots.items()} == {
        "mvtec": "s3://bucket/day=1",
        "visa": "s3://other/visa=1",
    }
