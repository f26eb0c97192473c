"""Train the tiny model: ``python -m promptad_db.model.tiny.train``.

Everything is drawn from one seed. On two CPU cores it takes about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.torch
import torch
from torch.utils.data import DataLoader

from promptad_db.model.tiny import CONFIG, VOCABULARY, WEIGHTS, build
from promptad_db.model.tiny.captions import vocabulary
from promptad_db.model.tiny.initial import prepare
from promptad_db.model.tiny.objective import Objective, collate, normalised
from promptad_db.model.tiny.tokenizer import TinyTokenizer
from promptad_db.model.tiny.world import World, turned_pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from open_clip.model import CLIP

    from promptad_db.model.tiny.world import Pair

PAIRS = 16
PREPARED_FROM = 30
SAVE_EVERY = 250
SHOWN = 48
SHOWN_UNTIL = 0.85
WARM_UP = 60
WEIGHTS_OF_LOSSES = {"caption": 0.1, "patch": 1.0, "image": 0.5, "text": 0.1}
HIGHEST_LOGIT_SCALE = math.log(100)


@dataclass(frozen=True)
class Progress:
    """After ``step`` steps: the losses of the last one, and the seconds since the first."""

    step: int
    losses: dict[str, float]
    seconds: float


def draw_pool(pairs: int, *, seed: int = 0, workers: int = 2) -> list[Pair]:
    """All pairs that training will see, turned and mirrored: drawing one anew for every step would take longer."""
    return list(DataLoader(World(seed, pairs), batch_size=None, num_workers=workers))


def train(pool: Sequence[Pair], steps: int, *, seed: int = 0, rate: float = 1e-3) -> Iterator[tuple[CLIP, Progress]]:
    """The model, trained further in place by every step; the rate falls by a cosine that ends with ``steps``."""
    context_length = json.loads(CONFIG.read_text("utf-8"))["text_cfg"]["context_length"]
    tokenizer = TinyTokenizer(vocabulary(), context_length)
    model = build(tokenizer, seed).train()
    prepare(model, normalised(np.concatenate([pair.images for pair in pool[:PREPARED_FROM]])))
    objective = Objective(model, tokenizer, seed)
    optimizer = torch.optim.AdamW(_groups(model), lr=rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    rng = np.random.default_rng(seed)
    started = time.perf_counter()
    for step in range(1, steps + 1):
        chosen = rng.choice(len(pool), PAIRS, replace=False)
        batch = collate([turned_pair(pool[place], rng) for place in chosen])
        losses = objective(batch, SHOWN if step < SHOWN_UNTIL * steps else None)
        optimizer.zero_grad()
        total = torch.stack([weight * losses[name] for name, weight in WEIGHTS_OF_LOSSES.items()]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, HIGHEST_LOGIT_SCALE)
        yield model, Progress(step, {name: loss.item() for name, loss in losses.items()}, time.perf_counter() - started)


def save(model: CLIP, weights: Path = WEIGHTS) -> None:
    """Write the weights as float16 and, beside them, the vocabulary."""
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(tensors, weights)
    weights.with_name(VOCABULARY.name).write_text(json.dumps(vocabulary()) + "\n", "utf-8")


def main() -> None:
    """Train from the seed and write the weights; the losses are printed on the way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1200, help="how many batches of 32 pictures")
    parser.add_argument("--pairs", type=int, default=2200, help="how many pairs of pictures to draw")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="the weights in the package were made with one")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where to write them")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pool = draw_pool(options.pairs, seed=options.seed)
    for model, progress in train(pool, options.steps, seed=options.seed):
        if progress.step % 50 == 0 or progress.step == options.steps:
            losses = "  ".join(f"{name} {loss:.3f}" for name, loss in progress.losses.items())
            print(f"step {progress.step:5}  {progress.seconds:6.0f} s  {losses}", flush=True)
        if progress.step % SAVE_EVERY == 0 or progress.step == options.steps:
            save(model, options.weights)


def _groups(model: CLIP) -> list[dict[str, object]]:
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim <= 1]
    return [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]


def _rate(step: int, steps: int) -> float:
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min((step - WARM_UP) / max(steps - WARM_UP, 1), 1)))


if __name__ == "__main__":
    main()
