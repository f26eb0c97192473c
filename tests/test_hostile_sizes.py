"""What a file would take is known before it is read: small files that declare much are refused, in little memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from promptad_db import ingest
from promptad_db.datasets.images import read_image, read_mask
from promptad_db.errors import InputError
from promptad_db.ingestion.readers.mvtec_maps import _read_map
from promptad_db.records import CategoryResult
from promptad_db.run_folder.category import read_category_files, write_category_files
from promptad_db.run_folder.parquet import read_columns
from promptad_db.storage.files import read_json

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

import bombs

READ_ALL = """
import resource, sys
from pathlib import Path
from promptad_db.datasets.images import read_image
from promptad_db.errors import InputError
from promptad_db.storage.files import read_json
from promptad_db.run_folder.parquet import read_columns
from promptad_db.ingestion.readers.mvtec_maps import _read_map
read_columns(Path("small.parquet"), ["scores"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
readers = {".parquet": lambda path: read_columns(path, ["scores", "image"]), ".png": read_image, ".json": read_json,
           ".tiff": lambda path: _read_map(path, None)}
for path in sorted(Path("bombs").iterdir()):
    try:
        readers[path.suffix](path)
    except InputError as error:
        print(path.name, "refused")
print("MB", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def written(path, raw):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


@pytest.mark.slow
def test_bombs_of_every_format_are_refused_in_little_memory(tmp_path):
    written(tmp_path / "small.parquet", bombs.parquet(bombs.lists_of_one_value(4)))
    honest = bombs.parquet(bombs.lists_of_one_value())
    place = tmp_path / "bombs"
    files = {
        "honest.parquet": honest,
        "lies.parquet": bombs.with_lying_footer(honest, bombs.MANY, 4),
        "texts.parquet": bombs.parquet(bombs.long_texts()),
        "empty.parquet": bombs.parquet(pa.table({"scores": pa.nulls(MANY_NULLS)})),
        "picture.png": bombs.png(60_000, 60_000),
        "deep.json": b"[" * 100_000 + b"]" * 100_000,
    }
    for name, raw in files.items():
        written(place / name, raw)
    for number, tags in enumerate(HUGE_TIFFS):
        bombs.tiff_with(place / f"{number}.tiff", **tags)
    assert sum(path.stat().st_size for path in place.iterdir()) < 1 << 20
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    *refused, memory = done.stdout.splitlines()
    assert len(refused) == len(files) + len(HUGE_TIFFS)
    assert int(memory.split()[1]) < 400
    assert done.stderr == ""


MANY_NULLS = 60_000_000
HUGE_TIFFS = (
    {"ImageWidth": 100_000, "ImageLength": 100_000},
    {"TileWidth": 1 << 20, "TileLength": 1 << 20},
)


def test_a_footer_that_declares_less_than_the_pages_hold_is_refused(tmp_path):
    raw = bombs.parquet(bombs.lists_of_one_value(1 << 20))
    path = written(tmp_path / "maps.parquet", raw)
    assert read_columns(path, ["scores"]).num_rows == 2
    path.write_bytes(bombs.with_lying_footer(raw, 1 << 20, 4))
    with pytest.raises(InputError, match="holds 1,048,576 values, but declares 4"):
        read_columns(path, ["scores"])


def test_texts_that_a_file_stores_once_are_counted_in_every_row(tmp_path):
    path = written(tmp_path / "images.parquet", bombs.parquet(bombs.long_texts(3000, 100_000)))
    with pytest.raises(InputError, match="the texts of column image take 300,000,000 bytes"):
        read_columns(path, ["image"])


def test_texts_that_share_their_beginnings_are_refused(tmp_path):
    table = pa.table({"image": [f"{'x' * 1000}{number}" for number in range(100)]})
    raw = bombs.parquet(table, use_dictionary=False, column_encoding={"image": "DELTA_BYTE_ARRAY"})
    with pytest.raises(InputError, match="the encoding of image is not read"):
        read_columns(written(tmp_path / "images.parquet", raw), ["image"])


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
def test_what_other_programs_write_is_read(tmp_path, encoding, version, compression):
    import pyarrow.parquet as pq

    table = pa.table({"image": [f"crack/{number:03d}.png" for number in range(3000)], "score": np.arange(3000.0)})
    pq.write_table(
        table, tmp_path / "x.parquet", use_dictionary=False, column_encoding={"image": encoding}, compression=compression,
        data_page_version=version, data_page_size=1000, row_group_size=700,
    )  # fmt: skip
    assert read_columns(tmp_path / "x.parquet", ["image", "score"]).equals(table)


def test_what_duckdb_and_pandas_write_is_read(tmp_path):
    import duckdb
    import pandas as pd

    frame = pd.DataFrame({"image": ["a", "b", None] * 50, "score": np.arange(150.0), "scores": [[1.0, 2.0]] * 150})
    frame.to_parquet(tmp_path / "pandas.parquet")
    for version in ("V1", "V2"):
        duckdb.sql(f"COPY frame TO '{tmp_path / version}.parquet' (PARQUET_VERSION {version})")
    for path in tmp_path.glob("*.parquet"):
        assert read_columns(path, ["image", "score", "scores"]).to_pydict() == frame.replace(
            {float("nan"): None}
        ).to_dict("list")


def test_a_picture_is_no_program(tmp_path):
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) (w) file\n%%EOF\n"
    for read in (read_image, read_mask):
        with pytest.raises(InputError, match="not a readable image"):
            read(written(tmp_path / "000.png", eps))


def test_a_map_whose_compression_has_a_size_of_its_own_is_refused(tmp_path):
    path = tmp_path / "000.tiff"
    bombs.tiff_with(path, Compression=50002)  # JPEG XL
    with pytest.raises(InputError, match="compression JPEGXL is not read"):
        _read_map(path, None)


def test_a_map_never_opens_the_files_that_its_description_names(tmp_path):
    import tifffile

    ome = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        'DimensionOrder="XYZCT" Type="float" SizeX="4" SizeY="4" SizeZ="1" SizeC="1" SizeT="1"><TiffData IFD="0" '
        'PlaneCount="1"><UUID FileName="secret.tiff">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "secret.tiff", np.full((4, 4), 7, np.float32))
    tifffile.imwrite(tmp_path / "000.tiff", np.ones((4, 4), np.float32), description=ome, metadata=None)
    assert (_read_map(tmp_path / "000.tiff", None) == 1).all()


def many_branches(count):
    return CategoryResult(
        "carpet", images=["a"], scores={f"branch {number}": np.zeros(1) for number in range(count)},
        maps={f"branch {number}": np.zeros((1, 1, 1), np.float32) for number in range(count)},
    )  # fmt: skip


@pytest.mark.slow
def test_twice_as_many_branches_take_twice_the_time_and_not_four_times(tmp_path):
    for count in (2000, 16_000):
        (tmp_path / str(count)).mkdir()
        write_category_files(tmp_path / str(count), many_branches(count))
    times = []
    for count in (2000, 16_000):
        started = time.monotonic()
        assert len(read_category_files(tmp_path / str(count), "carpet").scores) == count
        times.append(time.monotonic() - started)
    assert times[1] < 30 * times[0] + 2


def long_table(rows):
    return "dataset,category,k_shot,seed,task,branch,image,label,score\n" + "\n".join(rows) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "count"),
    [
        ("d,c,1,1,cls,b{0},x,0,0.5", 20_000),
        ("d,c{0},1,1,cls,b,x{0},0,0.5", 2_000),  # each a folder of five files on the disk
        ("d,c,1,1,cls,b,x{0},0,0.5", 20_000),
        ("d,c,1,1,cls,b,x,0,0.{0}", 20_000),
    ],
    ids=["branches", "categories", "images", "one image"],
)
def test_long_tables_of_any_shape_take_seconds(tmp_path, row, count):
    path = tmp_path / "scores.csv"
    path.write_text(long_table(row.format(number) for number in range(count)))
    started = time.monotonic()
    ingest(path, db=tmp_path / "p.duckdb", runs=tmp_path / "runs")
    assert time.monotonic() - started < 60


@pytest.mark.slow
def test_the_double_name_among_many_images_is_found_at_once():
    from promptad_db.run_folder.category_checks import check_result

    names = [str(number) for number in range(300_000)]
    started = time.monotonic()
    with pytest.raises(InputError, match="two images are called '299999'"):
        check_result(CategoryResult("carpet", images=[*names, "299999"]))
    assert time.monotonic() - started < 5


def test_an_error_never_repeats_a_whole_file(tmp_path):
    path = tmp_path / "0" / "run.json"
    written(path, json.dumps({"format": "x" * 1_000_000}).encode())
    from promptad_db.run_folder import read_run

    with pytest.raises(InputError) as error:
        read_run(path.parent)
    assert len(str(error.value)) < 3000
    assert str(path) in str(error.value)


@pytest.mark.parametrize("depth", [63, 64, 65, 900, 100_000])
def test_json_is_nested_no_deeper_than_python_can_handle_everywhere(tmp_path, depth):
    path = written(tmp_path / "x.json", b"[" * depth + b"]" * depth)
    if depth <= 64:
        repr(read_json(path))
        return
    with pytest.raises(InputError, match="nested too deeply"):
        read_json(path)
