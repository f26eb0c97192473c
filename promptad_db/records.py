"""What flows through the house: a run, what it found in one category, and single numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Task = Literal["cls", "seg"]
Level = Literal["image", "pixel"]
Provenance = Literal["exact", "reported", "approx"]
Selection = Literal["last_epoch", "best_on_test", "none", "unknown"]
Protocol = Literal["one_class", "multi_class"]
Status = Literal["running", "finished", "failed"]
Interpolation = Literal["bilinear", "none"]

TASKS: tuple[Task, ...] = get_args(Task)
PROVENANCES: tuple[Provenance, ...] = get_args(Provenance)
SELECTIONS: tuple[Selection, ...] = get_args(Selection)
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
STATUSES: tuple[Status, ...] = get_args(Status)

LEVEL_OF_TASK: dict[Task, Level] = {"cls": "image", "seg": "pixel"}
MEMORY_ONLY = "memory_only"


@dataclass(frozen=True)
class Setting:
    """What distinguishes the runs of one method on one data set."""

    task: Task
    k_shot: int
    seed: int
    variant: str

    @property
    def semantic(self) -> bool:
        """Whether there is a semantic branch."""
        return self.variant != MEMORY_ONLY


@dataclass(frozen=True)
class Cell:
    """One finished cell: AUROCs 0..1 by branch at the level of its task (None where undefined), and the seconds that
    its own work took, beside the encoding that it shares.
    """

    dataset: str
    category: str
    setting: Setting
    aurocs: dict[str, float | None]
    seconds: float


@dataclass(frozen=True)
class Render:
    """How anomaly maps become pixel maps: the size in pixels, the interpolation, and the Gaussian's sigma in pixels."""

    height: int
    width: int
    interpolation: Interpolation = "bilinear"
    gaussian_sigma: float = 4.0


@dataclass(frozen=True)
class Metric:
    """One number of one branch in one category, with where it came from.

    ``value`` and ``precision`` are fractions (AUROC 0..1). A value of None is undefined, and ``note`` says why.
    ``precision`` is the step in which a reported number was written down: 1e-4 for percents with two decimals, 0.0
    for full doubles. ``n_pos`` and ``n_neg`` count images or pixels.
    """

    level: Level
    branch: str
    metric: str
    value: float | None
    provenance: Provenance
    precision: float = 0.0
    n_pos: int | None = None
    n_neg: int | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Placements:
    """What each image adds to an AUROC, [N] arrays: at image level an image is one positive or one negative, at pixel
    level it has ``n_pos`` anomalous and ``n_neg`` normal pixels.

    ``pos_sum`` is the sum over its positives of the share of all negatives below, ``neg_sum`` that over its negatives of
    the share of all positives above; ties count one half. AUROC = pos_sum.sum() / n_pos.sum() = neg_sum.sum() / n_neg.sum().
    """

    n_pos: NDArray[np.int64]
    n_neg: NDArray[np.int64]
    pos_sum: NDArray[np.float64]
    neg_sum: NDArray[np.float64]


@dataclass
class CategoryResult:
    """What one run found in one category.

    ``scores`` holds [N] float64 image scores a branch, ``maps`` [N, h, w] float32 anomaly maps on the model's own grid,
    ``masks`` [N, H, W] booleans at the rendered size, ``labels`` [N] int8 with 1 = anomalous, None when unknown.
    A category known only by reported numbers has no images at all. ``placements`` are by level and branch, of exact
    AUROCs; runs of older versions have none. ``timings`` maps a stage to seconds. ``weights``
    are what the run learned in this category, arrays by name, and ``gates`` the learned gates of fused branches as JSON
    objects by branch; both are read back only when asked for.
    """

    category: str
    images: list[str] = field(default_factory=list)
    labels: NDArray[np.int8] | None = None
    defect_types: list[str | None] | None = None
    scores: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    maps: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    masks: NDArray[np.bool_] | None = None
    metrics: list[Metric] = field(default_factory=list)
    placements: dict[tuple[Level, str], Placements] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    gates: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunInfo:
    """One method configuration on one dataset, K, seed and task. Times are ISO 8601 in UTC."""

    run_id: str
    experiment: str
    method: str
    variant: str
    task: Task
    dataset: str
    k_shot: int
    seed: int | None
    created_at: str
    finished_at: str | None = None
    status: Status = "running"
    model: dict[str, Any] = field(default_factory=dict)
    render: Render | None = None
    image_score: str = "grid_max"
    selection: Selection = "unknown"
    protocol: Protocol = "one_class"
    config: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    note: str | None = None

    def identity(self) -> tuple[str, str, str, str, str, int, int | None]:
        """What makes two runs the same configuration."""
        return (self.experiment, self.method, self.variant, self.task, self.dataset, self.k_shot, self.seed)
