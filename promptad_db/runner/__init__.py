"""Dataset + model -> run folders: the detector over categories, K, seeds, tasks and variants, each image read once."""

from promptad_db.errors import UsageError

try:
    import open_clip  # noqa: F401 - only to say clearly what is missing
    import torch  # noqa: F401
except ImportError as error:
    raise UsageError(f"running the detector needs {error.name}", "pip install 'promptad-db[clip]'") from error

from promptad_db.model.promptad import Training
from promptad_db.progress import Callbacks
from promptad_db.records import CellScore
from promptad_db.runner.loop import Outcome, load_encoder, run
from promptad_db.runner.request import Backbone, Request

__all__ = ["Backbone", "Callbacks", "CellScore", "Outcome", "Request", "Training", "load_encoder", "run"]
