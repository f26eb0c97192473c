"""Data set + model -> run folders: the detector over categories, K, seeds, tasks and variants, each image read once."""

from promptad_db.model.promptad import Training
from promptad_db.runner.loop import Cell, Listener, Outcome, run
from promptad_db.runner.request import Backbone, Request

__all__ = ["Backbone", "Cell", "Listener", "Outcome", "Request", "Training", "run"]
