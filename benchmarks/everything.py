"""Run every benchmark, each in a process of its own, and print one table; the rows go to a JSON file too.

    python benchmarks/everything.py [--full] [--json benchmarks.json]

A benchmark that fails is named at the end, and the others still count.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from table import Row, machine, markdown_table, text_table

HERE = Path(__file__).resolve().parent
BENCHMARKS = ("metrics", "tracker", "verify", "fuse", "growth", "scale", "runner")
ONE_THREAD = {"fuse": {"OMP_NUM_THREADS": "1"}}


def rows_of(name, place, *, full):
    """The rows of one benchmark, None when it failed; what it says goes to stderr."""
    written = place / f"{name}.json"
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(written), *(["--full"] if full else [])]
    print(f"{name} ...", file=sys.stderr, flush=True)
    done = subprocess.run(command, env=os.environ | ONE_THREAD.get(name, {}), stdout=sys.stderr, check=False)
    if done.returncode or not written.exists():
        return None
    return [Row(**row) for row in json.loads(written.read_text())["rows"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="in full size, about two hours")
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), help="where the rows go")
    parser.add_argument("--markdown", action="store_true", help="print a GitHub table")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = {name: rows_of(name, Path(place), full=given.full) for name in BENCHMARKS}
    about = machine()
    named = {name: [row._asdict() for row in rows or []] for name, rows in found.items()}
    given.json.write_text(json.dumps({"machine": about, "rows": named}, indent=2) + "\n", encoding="utf-8")
    rows = [row for some in found.values() for row in some or []]
    print(f"{about['cores']} cores, {about['processor']}, Python {about['python']}, {about['date']}\n")
    print(markdown_table(rows) if given.markdown else text_table(rows))
    failed = [name for name, some in found.items() if some is None]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
