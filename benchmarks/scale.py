"""What docs/scale.md extrapolates from: bytes and seconds of whole runs with all their scores, and how both grow.

A run has --categories categories of --images images and three branches: image scores, placements, and, for its size on
disk, maps of 15 x 15. Databases hold more and more of such runs: their files' sizes, and the seconds of indexing, of a
report, of its section significance, of one number over every image score by SQL, and of indexing some of the runs again. With
--postgres ADDRESS (an empty database) the same in PostgreSQL; with s3fs and moto also the requests of a run on S3.

    python benchmarks/scale.py [--full] [--postgres ADDRESS]        a minute [full size: a quarter of an hour]
"""

import logging
import os
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import numpy as np
from growth import doubling, exponent
from table import Row, main, seconds

import promptad_db
from promptad_db import run_folder
from promptad_db.db.engine import connect
from promptad_db.db.engine.migrate import init
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters
from promptad_db.records import CategoryResult, Render, RunInfo
from promptad_db.scoring import score_category
from promptad_db.storage import folder_at

SMALL = {"runs": 80, "categories": 15, "images": 100, "postgres": ""}
FULL = {**SMALL, "runs": 1_280}
BRANCHES = ("semantic", "memory")
RENDER = Render(240, 240, gaussian_sigma=4.0)
OVER_ALL = "SELECT branch, AVG(score) FROM image_scores GROUP BY branch"
EVERYTHING = Filters(experiments=("scale",))
REPORT = ("summary", "datasets", "worst", "k-shot", "categories", "fusion")


def settings_of(number):
    """What the run of this number is: cells of its own, datasets, K and tasks in turn."""
    time = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)).isoformat(timespec="microseconds")
    settings = {"dataset": ("mvtec", "visa")[number % 2], "k_shot": (1, 2, 4)[number // 2 % 3], "seed": number // 6}
    run_id = run_folder.new_run_id(time, **settings, task="cls", suffix=f"{number:08x}")
    given = {"created_at": time, "finished_at": time, "status": "finished", "task": "cls"}
    return RunInfo(run_id, "scale", "promptad", "baseline", **given, **settings)


def write_run(root, number, categories, images, *, maps=False):
    """A run folder with every score; with ``maps`` also those, and masks."""
    rng = np.random.default_rng(number)
    info = settings_of(number)
    folder = run_folder.create_run(root, info)
    labels = np.arange(images) % 2
    for index in range(categories):
        result = CategoryResult(f"category_{index:02}", images=[f"{n % 2}/{n:03}.png" for n in range(images)])
        result.labels = labels.astype(np.int8)
        result.defect_types = [("good", "broken")[label] for label in labels]
        result.scores = {name: rng.normal(labels, 1.0) for name in BRANCHES}
        if maps:
            result.maps = {name: rng.random((images, 15, 15), dtype=np.float32) for name in BRANCHES}
            result.masks = np.zeros((images, 240, 240), dtype=bool)
            result.masks[1::2, 60:120, 80:140] = True
        result.metrics = score_category(result, RENDER, ("max",))
        run_folder.write_category(folder, result)
    return folder


def bytes_of(folder):
    """Bytes of the files below a folder, by name."""
    sizes = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            sizes[path.name] += path.stat().st_size
    return sizes


def of_disk(place, categories, images):
    """Bytes of a run folder with everything, and of a map in it."""
    sizes = bytes_of(write_run(place / "with-maps", 0, categories, images, maps=True))
    maps = categories * images * 3
    return [
        Row("run folder with maps", sum(sizes.values()) / 1e6, "MB"),
        Row("... of it maps of 15 x 15, each", sizes["maps.parquet"] / maps, "bytes"),
        Row("... without them", (sum(sizes.values()) - sizes["maps.parquet"]) / 1e6, "MB"),
    ]


def of_database(name, place, folders, scores_a_run, size_of):
    """Bytes and seconds of a database that holds more and more of the runs; ``place`` makes an empty one."""
    sizes = doubling(len(folders) // 8, len(folders))
    scores = [size * scores_a_run for size in sizes]
    again = f"index {sizes[0]} of them again"
    found = {"index": [], "report": [], "significance": [], "SQL over every score": [], again: []}
    for size in sizes:
        database = place(size)
        init(database)
        found["index"].append(seconds(promptad_db.ingest, *folders[:size], db=database))
        found["report"].append(seconds(report, database, EVERYTHING, sections=REPORT))
        found["significance"].append(seconds(report, database, EVERYTHING, sections=("significance",)))
        found["SQL over every score"].append(seconds(promptad_db.open_db(database).query, OVER_ALL))
        found[again].append(seconds(promptad_db.ingest, *folders[: sizes[0]], db=database))
    rows = [Row(f"{name}, {scores[-1]:,} image scores: bytes a score", size_of(database) / scores[-1], "bytes")]
    for what, times in found.items():
        rows.append(Row(f"{name}, {what}, {sizes[-1]:,} runs", times[-1], "s"))
        rows.append(Row(f"{name}, {what}: exponent", exponent(sizes, times), ""))
    return rows


def of_postgres(address, folders, scores_a_run):
    """The same in PostgreSQL, whose tables are emptied before each size."""
    import psycopg

    def emptied(_size):
        with psycopg.connect(address.replace("+psycopg", "")) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return address

    def bytes_there(_database):
        with connect.reading(connect.database_path(address)) as connection:
            return connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar()

    return of_database("PostgreSQL", emptied, folders, scores_a_run, bytes_there)


def of_s3(folder):
    """The requests that a run on S3 takes to be copied there, indexed from there, and looked at again."""
    try:
        from moto.server import ThreadedMotoServer
        from s3fs import S3FileSystem
    except ImportError:
        return []
    sent = Counter()
    plain = vars(S3FileSystem)["_call_s3"]

    def counted(self, method, *arguments, **options):
        sent["PUT or LIST" if method.startswith(("put", "list", "copy")) else "GET or HEAD"] += 1
        return plain(self, method, *arguments, **options)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
    rows = []
    with mock.patch.object(S3FileSystem, "_call_s3", counted):
        S3FileSystem().mkdir("runs")
        root, database = folder_at("s3://runs/all"), folder.parent / "s3.duckdb"
        init(database)
        for what, work in (
            ("written", lambda: run_folder.copy_run(folder, root)),
            ("indexed", lambda: promptad_db.ingest(str(root), db=database)),
            ("looked at again by a watcher", lambda: run_folder.stamp(root / folder.name)),
        ):
            sent.clear()
            work()
            rows += [Row(f"S3, a run {what}: {kind}", count, "requests") for kind, count in sorted(sent.items())]
    server.stop()
    return rows


def measure(runs, categories, images, postgres):
    """All of them over the same run folders."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        scores_a_run = categories * images * 3
        folders = [write_run(place / "runs", number, categories, images) for number in range(runs)]
        rows = of_disk(place, categories, images)
        rows += of_database(
            "DuckDB", lambda size: place / f"{size}.duckdb", folders, scores_a_run, lambda path: path.stat().st_size
        )
        if postgres:
            rows += of_postgres(postgres, folders, scores_a_run)
        return rows + of_s3(folders[0])


if __name__ == "__main__":
    main(__doc__, measure, SMALL, FULL)
