"""What flows through the house: a run, what it found in one category, and single numbers.

What a file or a caller may put into each field, its type and its bound, is declared here with it; ``schema`` checks it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict, get_args

from msgspec import Meta

from promptad_db.limits import (
    LARGEST_EDGE,
    LARGEST_SEED,
    LARGEST_SIGMA,
    LONGEST_IMAGE,
    LONGEST_NAME,
    LONGEST_NOTE,
    MOST_COUNTED,
    MOST_SECONDS,
    MOST_SHOTS,
    MOST_TAGS,
)

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
ImageScore = Literal["grid_max", "rendered_max"]
BranchKind = Literal["base", "fusion", "gate", "oracle"]

TASKS: tuple[Task, ...] = get_args(Task)
PROVENANCES: tuple[Provenance, ...] = get_args(Provenance)
SELECTIONS: tuple[Selection, ...] = get_args(Selection)
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
IMAGE_SCORES: tuple[ImageScore, ...] = get_args(ImageScore)
BRANCH_KINDS: tuple[BranchKind, ...] = get_args(BranchKind)

# NUL and halves of a character are in no text: databases and UTF-8 have no place for them.
TEXT_PATTERN = r"^[^\x00\ud800-\udfff]*$"
NAME_PATTERN = r"^[^\x00\ud800-\udfff]*[^\s\x00\ud800-\udfff][^\x00\ud800-\udfff]*$"
RUN_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
RULES = {
    TEXT_PATTERN: "without NUL or half a character",
    NAME_PATTERN: "not blank, without NUL or half a character",
    RUN_ID_PATTERN: "letters, digits and _.- after a letter or digit",
}
"""What the patterns of texts ask for, in words."""

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
Label = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=TEXT_PATTERN)]
AnyLabel = Annotated[str, Meta(max_length=LONGEST_NAME, pattern=TEXT_PATTERN)]
PathText = Annotated[str, Meta(max_length=LONGEST_IMAGE, pattern=TEXT_PATTERN)]
Note = Annotated[str, Meta(max_length=LONGEST_NOTE, pattern=TEXT_PATTERN)]
RunId = Annotated[str, Meta(min_length=1, max_length=200, pattern=RUN_ID_PATTERN)]
Time = Annotated[str, Meta(min_length=1, max_length=40, extra_json_schema={"format": "date-time"})]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=MOST_COUNTED)]
Edge = Annotated[int, Meta(ge=1, le=LARGEST_EDGE)]
Shots = Annotated[int, Meta(ge=0, le=MOST_SHOTS)]
Seed = Annotated[int, Meta(ge=-LARGEST_SEED, le=LARGEST_SEED)]
Seconds = Annotated[float, Meta(ge=0, le=MOST_SECONDS)]
Finite = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]

LEVEL_OF_TASK: dict[Task, Level] = {"cls": "image", "seg": "pixel"}
BRANCHES = ("semantic", "memory")
MEMORY_ONLY = "memory_only"


@dataclass(frozen=True)
class Setting:
    """What distinguishes the runs of one method on one dataset."""

    task: Task
    k_shot: int
    seed: int
    variant: str

    @property
    def semantic(self) -> bool:
        """Whether there is a semantic branch."""
        return self.variant != MEMORY_ONLY


@dataclass(frozen=True)
class CellScore:
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
    """How anomaly maps become pixel maps."""

    height: Annotated[Edge, Meta(description="Pixels; at most 8192 x 8192 with the width.")]
    width: Annotated[Edge, Meta(description="Pixels.")]
    interpolation: Annotated[
        Interpolation, Meta(description="How maps are upsampled; none takes them as they are.")
    ] = "bilinear"
    gaussian_sigma: Annotated[
        float, Meta(ge=0, le=LARGEST_SIGMA, description="Width of the Gaussian after it, in pixels; 0 leaves it out.")
    ] = 4.0


@dataclass(frozen=True)
class Metric:
    """One number of one branch in one category, with where it came from."""

    level: Annotated[Level, Meta(description="What is ranked: images, or pixels.")]
    branch: Annotated[Label, Meta(description="semantic, memory, or a fusion such as max, harmonic, mean, gate.")]
    metric: Annotated[Label, Meta(description="auroc, ap, f1_max, aupro, or the name of another number.")]
    value: Annotated[
        Fraction | None, Meta(description="The number as a fraction; null is undefined, the note says why.")
    ]
    provenance: Annotated[
        Provenance,
        Meta(
            description="exact: computed from the stored scores and ground truth; reported: taken from somebody's file; "
            "approx: estimated without ground truth."
        ),
    ]
    precision: Annotated[
        Fraction,
        Meta(
            description="The step in which a reported number was written down: 1e-4 for percents with two decimals, 0 for "
            "full doubles."
        ),
    ] = 0.0
    n_pos: Annotated[Count | None, Meta(description="Anomalous images or pixels.")] = None
    n_neg: Annotated[Count | None, Meta(description="Normal images or pixels.")] = None
    ci_low: Annotated[Fraction | None, Meta(description="Lower end of the 95 % confidence interval.")] = None
    ci_high: Annotated[Fraction | None, Meta(description="Upper end of the 95 % confidence interval.")] = None
    note: Annotated[Note | None, Meta(description="What a reader must know of this number.")] = None


@dataclass(frozen=True)
class Timings:
    """What the stages of one category took."""

    seconds: Annotated[dict[AnyLabel, Seconds], Meta(description="Seconds by stage.")]
    images: Annotated[Count, Meta(description="Images that they were spent on.")] = 0


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

    ``scores`` holds [N] float64 image scores a branch, ``maps`` [N, h, w] anomaly maps on the model's own grid, float32 or,
    where that would make different scores equal, float64. ``masks`` are [N, H, W] booleans at the rendered size,
    ``thresholded`` [N] says whose mask held greys and was read as anomalous above half grey, None where none was;
    ``labels`` are [N] int8 with 1 = anomalous, None when unknown.
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
    maps: dict[str, NDArray[Any]] = field(default_factory=dict)
    masks: NDArray[np.bool_] | None = None
    thresholded: NDArray[np.bool_] | None = None
    metrics: list[Metric] = field(default_factory=list)
    placements: dict[tuple[Level, str], Placements] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    gates: dict[str, dict[str, Any]] = field(default_factory=dict)


class ModelNames(TypedDict, total=False):
    """What the database keeps of a run's model; other keys are free."""

    name: Annotated[AnyLabel | None, Meta(description="The backbone, such as ViT-B-16-plus-240.")]
    pretrained: Annotated[PathText | None, Meta(description="Its weights, a tag or a file.")]
    weights_sha256: Annotated[AnyLabel | None, Meta(description="The hash of these weights.")]


class SourceNames(TypedDict, total=False):
    """What the database keeps of where a run came from; other keys are free."""

    kind: Annotated[
        AnyLabel | None, Meta(description="The format that was ingested; absent for a run that was made here.")
    ]


@dataclass(frozen=True)
class Branch:
    """What a branch is: what its numbers may be compared with depends on it."""

    kind: Annotated[
        BranchKind,
        Meta(
            description="base: a detector of its own; fusion: made of two by a fixed rule; gate: by a rule that was learned "
            "on other categories; oracle: by the labels of the test images, an upper bound."
        ),
    ] = "base"
    rule: Annotated[AnyLabel | None, Meta(description="The rule of a fusion: max, weighted_0.3, gate_hard, ...")] = None
    calibration: Annotated[
        AnyLabel, Meta(description="What put both branches on one scale before: none, minmax, rank, zscore-normal.")
    ] = "none"

    @property
    def supervision(self) -> str | None:
        """What it knows of test images that a detector in use would not know; None for nothing."""
        if self.kind == "oracle":
            return "test labels"
        if self.kind == "gate":
            return "test labels of other categories"
        return "defect types" if self.rule == "by_type" else None


@dataclass(frozen=True)
class RunInfo:
    """One method configuration on one dataset, K, seed and task. Times are ISO 8601 with their zone."""

    run_id: Annotated[RunId, Meta(description="The name of the run folder; sorts by time.")]
    experiment: Annotated[Name, Meta(description="The name under which runs are compared.")]
    method: Annotated[Name, Meta(description="What was run.")]
    variant: Annotated[Name, Meta(description="What was changed in the method: baseline, memory_only, ...")]
    task: Annotated[Task, Meta(description="cls: one score an image; seg: one score a pixel.")]
    dataset: Annotated[Name, Meta(description="The dataset, such as mvtec or visa.")]
    k_shot: Annotated[Shots, Meta(description="Normal images of each category that the method has seen.")]
    seed: Annotated[Seed | None, Meta(description="Of the shots and the training; null where it is not known.")]
    created_at: Annotated[
        Time, Meta(description="When the run began: ISO 8601 with its zone, in the years 1970 to 2200.")
    ]
    finished_at: Annotated[Time | None, Meta(description="When it ended, as created_at; null while it runs.")] = None
    status: Annotated[Status, Meta(description="How far the run is.")] = "running"
    model: Annotated[dict[str, Any], Meta(description="The backbone and its weights.")] = field(default_factory=dict)
    render: Annotated[Render | None, Meta(description="How maps become pixel maps; null without maps.")] = None
    image_score: Annotated[
        ImageScore, Meta(description="The score of an image that has a map: its maximum on the grid, or when rendered.")
    ] = "grid_max"
    selection: Annotated[
        Selection, Meta(description="The epoch that counts; best_on_test looked at the test labels.")
    ] = "unknown"
    protocol: Annotated[Protocol, Meta(description="One model for each category, or one for all.")] = "one_class"
    config: Annotated[dict[str, Any], Meta(description="Every other setting of the method.")] = field(
        default_factory=dict
    )
    environment: Annotated[dict[str, Any], Meta(description="Python, packages, device, git commit.")] = field(
        default_factory=dict
    )
    source: Annotated[dict[str, Any], Meta(description="What was ingested, and its hashes.")] = field(
        default_factory=dict
    )
    branches: Annotated[
        dict[Label, Branch],
        Meta(
            description="What its branches are; one that is not named here is what its reserved name says, else base."
        ),
    ] = field(default_factory=dict)
    tags: Annotated[tuple[Name, ...], Meta(max_length=MOST_TAGS, description="Words to find the run by.")] = ()
    note: Annotated[Note | None, Meta(description="Anything to remember.")] = None

    def identity(self) -> tuple[str, str, str, str, str, int, int | None]:
        """What makes two runs the same configuration."""
        return (self.experiment, self.method, self.variant, self.task, self.dataset, self.k_shot, self.seed)
