"""The Python API for people with their own method: start a run, log categories, find them in the database."""

from promptad_db.tracking.active_run import ActiveRun, index_runs, resume_run, start_run

__all__ = ["ActiveRun", "index_runs", "resume_run", "start_run"]
