"""The options that run and sweep share: which runs, what is trained, which backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import listed, with_options

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which categories, and which settings of the method."""
    options = (
        listed("--category", help="Only these categories."),
        listed("--task", help="cls (image-level), seg (pixel-level).  [default: both]"),
        listed("--k-shot", kind=int, help="Numbers of shots.  [default: 1]"),
        listed("--seed", kind=int, help="Seeds of the shots and the prompts.  [default: 111]"),
        listed(
            "--variant",
            help="baseline, spatial_prompts (local prompts that each patch mixes), vision_guided (prompts that describe "
            "what the shots look like), memory_only (no text at all).  [default: baseline]",
        ),
        click.option("--method", default="PromptAD", show_default=True, help="The method's name in reports."),
    )
    return with_options(command, options)


def backbone_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which CLIP, and how it is read."""
    options = (
        click.option("--model", default="ViT-B-16-plus-240", show_default=True, help="An open_clip ViT, or tiny."),
        click.option(
            "--pretrained",
            help="Its weights: an open_clip tag, a checkpoint file, or random (untrained; for tests and timing).  "
            "[default: laion400m_e32; tiny has its own]",
        ),
        click.option(
            "--precision",
            type=click.Choice(("fp32", "fp16", "bf16")),
            help="[default: fp32 on a CPU, fp16 on a GPU; tiny has fp32 alone]",
        ),
        listed("--memory-layers", kind=int, help="The two blocks, from 0, of the memory branch.  [default: 2,7 of 12]"),
        click.option(
            "--memory-tap",
            type=click.Choice(("public", "block_output")),
            default="public",
            show_default=True,
            help="Where they are read: as the public code really does, or at the output of the block.",
        ),
        click.option("--temperature", type=click.FloatRange(min=0, min_open=True), help="[default: the weights' own]"),
        click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True, help="Images at once."),
        click.option(
            "--feature-cache", type=click.Path(file_okay=False, path_type=Path), help="Keep image features here."
        ),
    )
    return with_options(command, options)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is trained, for how long, and on what."""
    options = (
        click.option("--epochs", type=click.IntRange(min=1), default=100, show_default=True, help="Training steps."),
        click.option(
            "--selection",
            type=click.Choice(("last_epoch", "best_on_test")),
            default="last_epoch",
            show_default=True,
            help="Which epoch counts; best_on_test looks at the test labels, as the public code does, and is marked.",
        ),
        click.option(
            "--image-score",
            type=click.Choice(("grid_max", "rendered_max")),
            default="grid_max",
            show_default=True,
            help="The memory score of an image: the maximum of its map, or of the upsampled map as in the public code.",
        ),
        click.option(
            "--resolution",
            type=click.IntRange(1, 4096),
            default=400,
            show_default=True,
            help="Pixels that maps are scored at.",
        ),
        click.option(
            "--shots-file",
            type=click.Path(exists=True, path_type=Path),
            help="The shots: JSON, or a folder of selected_samples_per_run.txt.  [default: drawn by seed]",
        ),
        click.option(
            "--prompts", type=_FILE, help="Words for categories of your own, attributes and local groups, TOML."
        ),
    )
    return with_options(command, options)
