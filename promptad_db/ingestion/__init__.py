"""Existing results into the database: foreign files through readers into run folders, and run folders that keep coming."""

from promptad_db.ingestion.ingest import IngestOutcome, ingest, rejected_lines

__all__ = ["IngestOutcome", "ingest", "rejected_lines"]
