"""New branches from the stored scores of runs, without the model: which runs, one run, one category."""

from promptad_db.fusing.fuse import fuse, fuse_folders, fuse_paths, fuse_selected
from promptad_db.fusing.outcome import FuseOutcome, lines_of
from promptad_db.fusing.runs import FuseOptions

__all__ = ["FuseOptions", "FuseOutcome", "fuse", "fuse_folders", "fuse_paths", "fuse_selected", "lines_of"]
