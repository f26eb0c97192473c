"""Which open_clip models can be a backbone, where their weights come from, and where they run."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from torch import nn

from promptad_db.errors import InputError, UsageError
from promptad_db.model.names import RANDOM, TINY, Precision

MemoryTap = Literal["public", "block_output"]

_PUBLIC_LAYERS = (2, 7)
_PUBLIC_DEPTH = 12


def scaled_layers(depth: int) -> tuple[int, int]:
    """The two blocks, counted from 0, after which the memory branch reads: 2 and 7 of 12, scaled to ``depth``."""
    first, second = (round((layer + 1) * depth / _PUBLIC_DEPTH) - 1 for layer in _PUBLIC_LAYERS)
    return max(first, 0), min(max(second, first + 1, 1), depth - 2)


def find_device(name: str) -> torch.device:
    try:
        device = torch.device("cuda" if name == "auto" and torch.cuda.is_available() else name.replace("auto", "cpu"))
    except RuntimeError as error:
        raise UsageError(f"there is no device {name!r}", "use cpu, cuda, cuda:1, ... or auto") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {name!r}: this machine has no CUDA device", "use --device cpu")
    return device


def open_clip_package() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise UsageError("running the detector needs open_clip", "pip install 'promptad-db[clip]'") from error
    return open_clip


def load_model(name: str, pretrained: str, precision: Precision) -> tuple[nn.Module, Any]:
    if name == TINY:
        from promptad_db.model.tiny import load_tiny

        return load_tiny()
    open_clip = open_clip_package()
    if name not in open_clip.list_models():
        raise UsageError(
            f"open_clip has no model {name!r}", "python -c 'import open_clip; print(open_clip.list_models())'"
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained not in (RANDOM, *tags) and not Path(pretrained).is_file():
        raise UsageError(
            f"{pretrained!r} is neither a file nor a set of weights of {name}",
            f"use --pretrained FILE or one of {', '.join(tags) or 'none'}",
        )
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    logging.disable(logging.WARNING)  # open_clip warns of random weights, which were asked for
    try:
        model = open_clip.create_model(
            name,
            pretrained=None if pretrained == RANDOM else pretrained,
            precision=precision,
            weights_only=True,
            # Weights of OpenAI's were trained with another GELU than the model of the same name has.
            force_quick_gelu=bool((open_clip.get_pretrained_cfg(name, pretrained) or {}).get("quick_gelu")),
        )
    except Exception as error:  # downloads and checkpoints fail in many ways, all of them about the weights
        raise InputError(
            f"the weights {pretrained!r} of {name} cannot be loaded ({str(error).splitlines()[0]})",
            "without a network give a checkpoint file: --pretrained FILE",
        ) from error
    finally:
        logging.disable(logging.NOTSET)
        torch.random.set_rng_state(state)
    return cast("nn.Module", model), open_clip.get_tokenizer(name)


def precision_of(model: Any) -> Precision:
    """In which precision the weights of a loaded model compute."""
    names: dict[torch.dtype, Precision] = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
    return names[model.visual.conv1.weight.dtype]


def check_architecture(model: Any, name: str) -> None:
    visual = model.visual
    blocks = getattr(getattr(visual, "transformer", None), "resblocks", ())
    plain = all(isinstance(getattr(block, "attn", None), nn.MultiheadAttention) for block in blocks)
    if (
        not len(blocks)
        or not plain
        or not hasattr(visual, "class_embedding")
        or getattr(visual, "attn_pool", None) is not None
        or getattr(visual, "pool_type", "tok") != "tok"
        or getattr(model, "text_pool_type", "") != "argmax"
    ):
        raise UsageError(
            f"{name} is not a plain CLIP ViT with a class token",
            "use for example ViT-B-16-plus-240, ViT-B-16, ViT-L-14 or ViT-L-14-336",
        )


def check_memory_layers(layers: tuple[int, int], tap: str, depth: int) -> None:
    if tap not in get_args(MemoryTap):
        raise UsageError(f"memory_tap is {tap!r}", f"use one of {', '.join(get_args(MemoryTap))}")
    last = depth - 2 if tap == "public" else depth - 1
    if not 0 <= layers[0] < layers[1] <= last:
        raise UsageError(f"memory_layers {layers} do not fit a model of {depth} blocks", f"use 0 to {last}, rising")
