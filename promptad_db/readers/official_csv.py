from collections.abc import Iterator, Sequence
from pathlib import Path

from promptad_db.readers.imported import ImportedRun, ImportOptions, Reject


def recognise(path: Path) -> bool:
    return False


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    yield from ()
