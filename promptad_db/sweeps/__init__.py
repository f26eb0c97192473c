"""A grid of settings over several datasets becomes runs, computed by several processes or machines.

Nothing here loads torch: what does is done by workers. The unit of work is a group, one category of one dataset with
all its settings, so that each image is encoded once.
"""

from promptad_db.sweeps.drive import Outcome, sweep
from promptad_db.sweeps.grid import Grid
from promptad_db.sweeps.local import LocalExecutor
from promptad_db.sweeps.overview import plan_sweep, sweep_status

__all__ = ["Grid", "LocalExecutor", "Outcome", "plan_sweep", "sweep", "sweep_status"]
