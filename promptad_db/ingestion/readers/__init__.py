"""Foreign layouts into runs: one small reader a format, and this registry of them."""

from promptad_db.ingestion.readers import (
    anomalib,
    anomalydino,
    gate,
    long_table,
    mvtec_maps,
    official_csv,
    patchcore,
    pipe_tables,
)
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reader

FILE_READERS: tuple[Reader, ...] = (gate, official_csv, anomalydino, anomalib, patchcore, pipe_tables, long_table)

__all__ = ["FILE_READERS", "ImportOptions", "ImportedRun", "Reader", "mvtec_maps"]
