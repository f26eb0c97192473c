"""Changes of a sound file that keep its structure: what byte by byte mutation would need very long to find."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

ODD_TEXTS = (
    "", " ", "0", "-0", "1e999", "nan", "inf", "1_0", "٣", "..", "../x", "/etc/passwd", ".", "~", "a/b", "a\\b", "C:\\x",
    "\0", "a\nb", "\r", "\x1b[31m", "\x1b]0;x\x07", "\u202e", "\u2028", "\ufeff", "\ud800", "💥", "e\u0301", "é",
    "<script>alert(1)</script>", "'; DROP TABLE runs; --", '"', '""', "=cmd|' /C calc'!A0", "%2e%2e", "con", "x" * 300,
    "x" * 70_000, "maps.parquet", "run.json", "-9223372036854775809", "9" * 400, "k_1", "cls", "seg", "good",
)  # fmt: skip
ODD_NUMBERS = (
    0, -0.0, -1, 1, 2, 0.5, 100, 100.00001, -1e-300, 5e-324, 1e308, -1e308, 1e39, 2**31, 2**32, 2**53 + 1, 2**63, 2**64,
    -(2**63) - 1, 10**400, 10**4299,
)  # fmt: skip
ODD_TOKENS = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"PK\x03\x04",
    b"PAR1",
    b"\x80\x04.",
    b"NaN",
    b"1e999",
    b'"',
    b"[",
    b"{",
)


def mutated(raw: bytes, kind: str, random: Random) -> bytes:
    """The content with one to four changes, by its structure where it has the one of its kind, else byte by byte."""
    change = {"json": _json, "csv": _csv, "parquet": _parquet}.get(kind, _bytes)
    for _ in range(random.randint(1, 4)):
        try:
            raw = change(raw, random) if random.random() < 0.8 else _bytes(raw, random)
        except (
            ValueError,
            TypeError,
            LookupError,
            ArithmeticError,
            RecursionError,
            OSError,
            csv.Error,
            NotImplementedError,
        ):
            raw = _bytes(raw, random)
    return raw


def _bytes(raw: bytes, random: Random) -> bytes:
    start = random.randrange(len(raw) + 1)
    stop = min(len(raw), start + random.randint(0, 8))
    new = random.choice(
        (b"", random.randbytes(stop - start), random.choice(ODD_TOKENS), raw[start:stop] * 2, raw[:start][-16:])
    )
    return raw[:start] + new + raw[stop:]


def _json(raw: bytes, random: Random) -> bytes:
    content = json.loads(raw)
    places: list[tuple[Any, Any]] = []
    waiting = [content]
    while waiting:
        parent = waiting.pop()
        children = parent.items() if isinstance(parent, dict) else enumerate(parent) if isinstance(parent, list) else ()
        for key, child in children:
            places.append((parent, key))
            waiting.append(child)
    if not places:
        return json.dumps(_odd_value(random)).encode()
    parent, key = random.choice(places)
    what = random.randrange(4)
    if what == 0:
        del parent[key]
    elif what == 1 and isinstance(parent, dict):
        parent[random.choice(ODD_TEXTS)] = parent.pop(key)
    elif what == 2:
        other, place = random.choice(places)
        parent[key] = json.loads(json.dumps(other[place] if place in other or isinstance(place, int) else None))
    else:
        parent[key] = _odd_value(random)
    return json.dumps(content, ensure_ascii=random.random() < 0.5).encode(errors="surrogatepass")


def _odd_value(random: Random) -> Any:
    nested: Any = random.choice((None, True, False, [], {}, random.choice(ODD_NUMBERS), random.choice(ODD_TEXTS)))
    for _ in range(random.choice((0, 0, 0, 1, 3, 40, 70, 500, 940))):
        nested = [nested] if random.random() < 0.5 else {random.choice(ODD_TEXTS): nested}
    return nested


def _csv(raw: bytes, random: Random) -> bytes:
    rows = list(csv.reader(io.StringIO(raw.decode(), newline="")))
    row = random.choice(rows)
    what = random.randrange(4)
    if what == 0:
        rows.insert(random.randrange(len(rows)), list(row))
    elif what == 1:
        rows.remove(row)
    elif what == 2 and row:
        del row[random.randrange(len(row))]
    elif row:
        odd = random.choice((*ODD_TEXTS, *(repr(number)[:5000] for number in ODD_NUMBERS[:-1])))
        row[random.randrange(len(row))] = odd
    text = io.StringIO()
    csv.writer(text, lineterminator=random.choice(("\n", "\r\n", "\r"))).writerows(rows)
    return text.getvalue().encode(errors="replace")


def _parquet(raw: bytes, random: Random) -> bytes:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(raw))
    index = random.randrange(table.num_columns)
    name, column = table.schema.names[index], table.column(index)
    what = random.randrange(5)
    if what == 0:
        table = table.drop_columns([name])
    elif what == 1:
        table = table.append_column(name, column)
    elif what == 2:
        table = table.take([random.randrange(table.num_rows) for _ in range(random.randint(0, 2 * table.num_rows))])
    else:
        table = table.set_column(index, name, _odd_column(column, random))
    sink = io.BytesIO()
    pq.write_table(
        table, sink, compression=random.choice(("none", "zstd", "snappy")), row_group_size=random.choice((1, 9))
    )
    return sink.getvalue()


def _odd_column(column: Any, random: Random) -> Any:
    import pyarrow as pa

    count = len(column)
    values = column.to_pylist()
    if count and random.random() < 0.6:
        values[random.randrange(count)] = random.choice(
            (
                None,
                random.choice(ODD_NUMBERS[:-2]),
                random.choice(ODD_TEXTS),
                [],
                [None],
                [0, -1, 2**62],
                {"a": 1},
                b"\xff",
            )
        )
        return pa.array(values)
    kind = random.choice(
        (
            pa.null(), pa.bool_(), pa.int8(), pa.uint64(), pa.int64(), pa.float16(), pa.float64(), pa.string(), pa.binary(),
            pa.date32(), pa.timestamp("ns"), pa.decimal128(38, 0), pa.list_(pa.list_(pa.float32())), pa.list_(pa.float32()),
            pa.struct([("a", pa.int8())]), pa.map_(pa.string(), pa.int8()), pa.dictionary(pa.int8(), pa.string()),
        )
    )  # fmt: skip
    try:
        return column.cast(kind)
    except pa.ArrowException:
        return pa.nulls(count, kind)
