"""Which weights, and which precision, a backbone has by its name alone; nothing here loads torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from promptad_db.errors import UsageError

Precision = Literal["fp32", "fp16", "bf16"]

DEFAULT_MODEL = "ViT-B-16-plus-240"
DEFAULT_PRETRAINED = "laion400m_e32"
RANDOM = "random"
TINY = "tiny"
TINY_PRETRAINED = "synthetic"


def pretrained_of(model: str | None, pretrained: str | None, default: str = DEFAULT_PRETRAINED) -> str:
    """The weights that run when ``pretrained`` was asked for: where it is None the default, or tiny's own; a file by its
    absolute path.

    Raises UsageError for other weights of tiny than its own, which come with the package.
    """
    if model != TINY:
        weights = default if pretrained is None else pretrained
        is_file = weights not in (RANDOM, DEFAULT_PRETRAINED) and Path(weights).is_file()
        return str(Path(weights).absolute()) if is_file else weights
    if pretrained not in (None, TINY_PRETRAINED):
        raise UsageError(f"--pretrained {pretrained}: the model tiny has weights of its own", "leave it out")
    return TINY_PRETRAINED


def check_precision(model: str | None, precision: str | None) -> None:
    """UsageError for a precision in which a model does not run."""
    if model == TINY and precision not in (None, "fp32"):
        raise UsageError(f"--precision {precision}: the model tiny runs in fp32 alone", "leave it out")
