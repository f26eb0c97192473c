"""Small files that declare, or unpack to, far more than they hold."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

MANY = 1 << 26


def lists_of_one_value(count: int = MANY, images: int = 2, name: str = "scores", kind: str = "float32") -> pa.Table:
    """Lists that hold one number ``count`` times in all: as a file they are a few hundred bytes."""
    values = pa.array(np.zeros(count, kind))
    offsets = pa.array(np.linspace(0, count, images + 1).astype(np.int64))
    return pa.table({name: pa.LargeListArray.from_arrays(offsets, values)})


def parquet(table: pa.Table, **options: object) -> bytes:
    """The table as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue()


def with_lying_footer(raw: bytes, count: int, claimed: int) -> bytes:
    """The Parquet file with another number of values in its footer than in its pages."""
    length = int.from_bytes(raw[-8:-4], "little")
    footer = raw[-8 - length : -8]
    true = _varint(2 * count)
    assert true in footer
    return raw[: -8 - length] + footer.replace(true, _varint(2 * claimed, len(true))) + raw[-8:]


def long_texts(rows: int = 100_000, length: int = 100_000) -> pa.Table:
    """One long text in every row, which a dictionary stores once."""
    indices = pa.array(np.zeros(rows, np.int32))
    return pa.table({"image": pa.DictionaryArray.from_arrays(indices, pa.array(["x" * length]))})


def png(width: int, height: int) -> bytes:
    """A black picture of this size, of which only a part is stored."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1 << 22)))
        + chunk(b"IEND", b"")
    )


def tiff_with(path: Path, **tags: int) -> bytes:
    """A small float TIFF with other numbers in its tags, such as ``ImageWidth``."""
    import tifffile

    tifffile.imwrite(path, np.zeros((16, 16), np.float32), tile=(16, 16), metadata=None)
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for name, value in tags.items():
            place = file.pages[0].tags[name].offset
            raw[place + 2 : place + 12] = struct.pack("<HII", 4, 1, value)
    path.write_bytes(raw)
    return bytes(raw)


def _varint(number: int, length: int = 0) -> bytes:
    parts = []
    while number or len(parts) < max(1, length):
        parts.append(number & 0x7F)
        number >>= 7
    return bytes([part | 0x80 for part in parts[:-1]] + parts[-1:])
