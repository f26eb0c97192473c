"""What every benchmark here gives: rows of ours beside a peer's, printed as one table and written as JSON.

A ratio above 1 is in our favour, whether seconds or rates are compared, and a target is the smallest ratio that we want.
"""

import argparse
import json
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("numpy", "scipy", "scikit-learn", "duckdb", "sqlalchemy", "pyarrow", "torch")
_HEADERS = ("what", "ours", "peer", "peer's", "ratio", "target")


class Row(NamedTuple):
    """One figure of ours, in ``unit``; with a peer's figure, the ratio, and the smallest ratio that is wanted."""

    what: str
    ours: float
    unit: str
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    target: float | None = None


def limited(what, ours, unit, limit):
    """A row whose peer is a limit that ours must stay below."""
    return Row(what, ours, unit, "limit", limit, limit / ours, 1.0)


def seconds(work, *arguments, **options):
    """How long a call takes."""
    start = time.perf_counter()
    work(*arguments, **options)
    return time.perf_counter() - start


def median(repeat, work, *arguments, **options):
    """The median of what a call returns."""
    return statistics.median(work(*arguments, **options) for _ in range(repeat))


def in_turn(repeat, one, other):
    """The medians of what one and the other return, and of other / one: called in turn, noise meets both."""
    times = [(one(), other()) for _ in range(repeat)]
    return [statistics.median(column) for column in zip(*((a, b, b / a) for a, b in times), strict=True)]


def shown(value, unit):
    """A figure with its unit, to three digits or more."""
    return f"{value:,.0f} {unit}".rstrip() if abs(value) >= 100 else f"{value:.3g} {unit}".rstrip()


def text_table(rows):
    """The rows as aligned text; a target that is missed says so."""
    lines = [_HEADERS, *map(_texts, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ("  ".join(f"{x:{side}{n}}" for x, side, n in zip(line, "<><>><", widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in aligned)


def markdown_table(rows):
    """The rows as a GitHub table."""
    lines = [_HEADERS, ("---", "---:", "---", "---:", "---:", "---"), *map(_texts, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _texts(row):
    if row.ratio is None:
        return row.what, shown(row.ours, row.unit), "", "", "", ""
    target = "" if row.target is None else f"{row.target:g}, {'met' if row.ratio >= row.target else 'missed'}"
    theirs = "" if row.theirs is None else shown(row.theirs, row.unit)
    return row.what, shown(row.ours, row.unit), row.peer, theirs, f"{row.ratio:.3g}", target


def machine():
    """The kind of machine, and the versions of what is measured."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = named[0] if named else model
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except ModuleNotFoundError:
            continue
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": installed,
        "date": datetime.now(UTC).date().isoformat(),
    }


def main(document, measure, small, full):
    """The command line of one benchmark: ``measure`` with the settings of a size, each of which is an option too."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="in full size; every other option still counts")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    for name, value in small.items():
        note = f"[{value}; full size: {full[name]}]"
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=note)
    given = vars(parser.parse_args())
    size = full if given["full"] else small
    settings = {name: value if given[name] is None else given[name] for name, value in size.items()}
    rows = measure(**settings)
    print(text_table(rows))
    if given["json"]:
        content = {"machine": machine(), "settings": settings, "rows": [row._asdict() for row in rows]}
        given["json"].write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
