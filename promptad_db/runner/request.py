"""What a run of the detector is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.errors import UsageError
from promptad_db.model.names import DEFAULT_MODEL
from promptad_db.model.promptad import Training
from promptad_db.model.variants import VARIANTS
from promptad_db.records import IMAGE_SCORES, SELECTIONS, TASKS, ImageScore, Render, Selection, Task
from promptad_db.scoring import DEFAULT_FUSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptad_db.model.backbone import MemoryTap
    from promptad_db.model.names import Precision

_OF_SOURCE = (
    "task", "k_shot", "seed", "variant", "epochs", "selection", "shots_file", "prompts", "temperature",
)  # fmt: skip
"""Options that the run of ``from_run`` was made with, and that evaluating it cannot change."""
_OWN_OPTIONS = (
    "dataset", "data_root", "experiment", "method", "selection", "image_score", "shots_file", "prompts", "from_run",
    "feature_cache", "batch_size", "resume",
)  # fmt: skip


@dataclass(frozen=True)
class Backbone:
    """Which CLIP, and how it is read; see `promptad_db.model.clip.ClipEncoder`. ``pretrained`` of None are the published
    weights (laion400m_e32, or tiny's own), a ``temperature`` of None is the one stored with the weights.
    """

    name: str = DEFAULT_MODEL
    pretrained: str | None = None
    device: str = "auto"
    precision: Precision | None = None
    memory_layers: tuple[int, int] | None = None
    memory_tap: MemoryTap = "public"
    temperature: float | None = None


@dataclass(frozen=True)
class Request:
    """Runs of PromptAD on one dataset: one for every task, K, seed and variant, over the same categories.

    ``categories`` of None are all. Shots are drawn by seed, or come from ``shots_file``. ``prompts`` is a TOML file of
    words beside the published ones. ``from_run`` is a run folder whose saved prompts and galleries are evaluated
    instead of training new ones; task, K, seed, variant, temperature and all that was trained with are then its own.
    """

    dataset: str
    data_root: Path
    categories: tuple[str, ...] | None = None
    tasks: tuple[Task, ...] = TASKS
    k_shots: tuple[int, ...] = (1,)
    seeds: tuple[int, ...] = (111,)
    variants: tuple[str, ...] = ("baseline",)
    experiment: str = "default"
    method: str = "PromptAD"
    backbone: Backbone = field(default_factory=Backbone)
    training: Training = field(default_factory=Training)
    selection: Selection = "last_epoch"
    image_score: ImageScore = "grid_max"
    render: Render = field(default_factory=lambda: Render(400, 400))
    fusions: tuple[str, ...] = DEFAULT_FUSIONS
    shots_file: Path | None = None
    prompts: Path | None = None
    from_run: Path | None = None
    feature_cache: Path | None = None
    batch_size: int = 16
    resume: bool = False

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Request:
        """A request from flat options, named as on the command line: ``model``, ``pretrained``, ``device``, ``epochs``,
        ``resolution`` (pixels), ``k_shot``, ..., each with its default where it is left out or None.

        The method of a ``from_run`` is that of its run.

        Raises UsageError for ``memory_layers`` that are not two, for what cannot go with ``from_run``, and as the class
        does; InputError for a ``from_run`` that cannot be read.
        """
        chosen = {name: value for name, value in options.items() if value is not None}
        layers = chosen.get("memory_layers")
        if layers is not None and len(layers) != 2:  # noqa: PLR2004 - as it says
            raise UsageError("--memory-layers takes two numbers", "for example --memory-layers 2,7")
        backbone = {"name": "model"} | {field.name: field.name for field in fields(Backbone)[1:]}
        own = {name: chosen[name] for name in _OWN_OPTIONS if name in chosen}
        own |= {f"{name}s": chosen[name] for name in ("task", "k_shot", "seed", "variant") if name in chosen}
        if "from_run" in chosen:
            own = {"method": _method_of_source(chosen)} | own
        if "category" in chosen:
            own["categories"] = chosen["category"]
        if "shots_file" in chosen:
            own["shots_file"] = Path(chosen["shots_file"]).absolute()
        if "resolution" in chosen:
            own["render"] = Render(chosen["resolution"], chosen["resolution"])
        return cls(
            backbone=Backbone(**{name: chosen[option] for name, option in backbone.items() if option in chosen}),
            training=Training(**{name: chosen[name] for name in ("epochs",) if name in chosen}),
            **own,
        )

    def __post_init__(self) -> None:
        for name, values, allowed in (
            ("task", self.tasks, TASKS),
            ("variant", self.variants, VARIANTS),
            ("selection", (self.selection,), SELECTIONS[:2]),
            ("image score", (self.image_score,), IMAGE_SCORES),
        ):
            for value in values:
                if value not in allowed:
                    raise UsageError(f"{name} is {value!r}", f"use one of {', '.join(allowed)}")
        for flag, several in (
            ("--task", self.tasks),
            ("--k-shot", self.k_shots),
            ("--seed", self.seeds),
            ("--variant", self.variants),
        ):
            if not several or len(set(several)) < len(several):
                raise UsageError(f"{flag} names {'a value twice' if several else 'nothing'}", "name each value once")
        if self.batch_size < 1 or self.training.epochs < 1:
            raise UsageError("batch size and epochs must be 1 or more", "see promptad-db run --help")
        if self.from_run is not None:
            self._check_source()

    def _check_source(self) -> None:
        """Refuse what evaluating saved prompts cannot change, where it is not left at its default."""
        settings = ("tasks", "k_shots", "seeds", "variants", "selection", "shots_file", "prompts")
        changed = [name for name in settings if getattr(self, name) != getattr(Request, name)]
        if changed or self.backbone.temperature is not None:
            raise UsageError(f"--from takes its {', '.join(changed) or 'temperature'} from its run", "leave that out")


def _method_of_source(options: Mapping[str, Any]) -> str:
    refused = [f"--{name.replace('_', '-')}" for name in _OF_SOURCE if name in options]
    if refused:
        raise UsageError(f"--from takes {', '.join(refused)} from its run", "leave that out")
    return run_folder.read_run(options["from_run"]).method
