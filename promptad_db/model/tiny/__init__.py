"""The tiny CLIP of the demo: small enough to ship, trained on synthetic pictures alone by ``train``.

Its numbers mean nothing beyond the synthetic set.
"""

from __future__ import annotations

import json
from pathlib import Path

import safetensors.torch
import torch
from open_clip.model import CLIP

from promptad_db.model.tiny.tokenizer import TinyTokenizer

CONFIG = Path(__file__).with_name("tiny.json")
VOCABULARY = Path(__file__).with_name("vocabulary.json")
WEIGHTS = Path(__file__).with_name("tiny.safetensors")


def load_tiny(weights: Path = WEIGHTS) -> tuple[CLIP, TinyTokenizer]:
    """The model (float32 on the CPU, in eval mode) and its tokenizer, from files of the package alone.

    Other ``weights`` of the same shape, a safetensors file, may take the place of its own.
    """
    config = json.loads(CONFIG.read_text("utf-8"))
    tokenizer = TinyTokenizer.load(VOCABULARY, config["text_cfg"]["context_length"])
    model = build(tokenizer)
    tensors = safetensors.torch.load_file(weights)
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return model.eval(), tokenizer


def build(tokenizer: TinyTokenizer, seed: int = 0) -> CLIP:
    """The untrained model, with weights from a seed; the vocabulary gives the size of its token embedding."""
    config = json.loads(CONFIG.read_text("utf-8"))
    config["text_cfg"]["vocab_size"] = tokenizer.vocab_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIP(**config)
