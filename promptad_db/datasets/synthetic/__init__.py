"""A dataset drawn by programme: twelve categories in the MVTec AD layout, with exact masks, from one seed."""

from promptad_db.datasets.synthetic.categories import CATEGORIES, HELD_OUT, KINDS, STATES, class_name, states
from promptad_db.datasets.synthetic.draw import render
from promptad_db.datasets.synthetic.write import write_dataset

__all__ = ["CATEGORIES", "HELD_OUT", "KINDS", "STATES", "class_name", "render", "states", "write_dataset"]
