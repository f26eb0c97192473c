"""How good the tiny model's texts are before any prompt is trained: ``python -m promptad_db.model.tiny.evaluate``.

Pictures come from seeds that training never drew; held-out categories are told apart from seen ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from promptad_db.datasets.synthetic import CATEGORIES, HELD_OUT, class_name, render, states
from promptad_db.datasets.synthetic.write import generators
from promptad_db.metrics import auroc
from promptad_db.metrics import render as render_maps
from promptad_db.model.tiny import WEIGHTS, load_tiny
from promptad_db.model.tiny.captions import GENERAL
from promptad_db.model.tiny.objective import CONTEXT, CONTEXT_STD, TrainableEncoder, encode_prompts, normalised

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from open_clip.model import CLIP
    from torch import Tensor

    from promptad_db.model.tiny.tokenizer import TinyTokenizer

SEED = 1_000_003


@torch.no_grad()
def evaluate(
    model: CLIP, tokenizer: TinyTokenizer, category: str, *, good: int = 12, per_defect: int = 5, seed: int = SEED
) -> tuple[float, float]:
    """AUROC (0..1) of a category at image and pixel level, from hand-made prompts with a random context."""
    cases: list[tuple[str | None, int]] = [(None, index) for index in range(good)]
    cases += [(defect, index) for defect in CATEGORIES[category].defects for index in range(per_defect)]
    pictures = [_picture(seed, category, defect, index) for defect, index in cases]
    encoder = TrainableEncoder(model)
    features = encoder.encode_images(normalised(np.stack([picture for picture, _ in pictures])))
    prototypes = _prototypes(model, tokenizer, category, seed)
    scale = encoder.temperature
    images = functional.softmax(scale * features.image @ prototypes.T, dim=-1)[..., 1].numpy()
    patches = functional.softmax(scale * features.patches @ prototypes.T, dim=-1)[..., 1].numpy()
    masks = np.stack([mask for _, mask in pictures])
    maps = render_maps(patches.reshape(-1, *encoder.grid), *masks.shape[1:])
    return auroc(images, masks.any(axis=(1, 2))), auroc(maps, masks)


def main() -> None:
    """Print a line for each category and the means of the seen and the held-out ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--good", type=int, default=40, help="normal pictures of a category")
    parser.add_argument("--per-defect", type=int, default=15)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    model, tokenizer = load_tiny(options.weights)
    found = {
        name: evaluate(model, tokenizer, name, good=options.good, per_defect=options.per_defect) for name in CATEGORIES
    }
    print(f"{'category':14}{'held out':10}{'image':>8}{'pixel':>8}   AUROC, percent")
    for name, (image, pixel) in found.items():
        print(f"{name:14}{'yes' if name in HELD_OUT else '':10}{100 * image:8.2f}{100 * pixel:8.2f}")
    for held_out in (False, True):
        image, pixel = np.mean([values for name, values in found.items() if (name in HELD_OUT) == held_out], axis=0)
        print(f"{'mean':14}{'yes' if held_out else '':10}{100 * image:8.2f}{100 * pixel:8.2f}")


def _picture(seed: int, category: str, defect: str | None, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    rng, look = generators(seed, category, "test", defect, index)
    return render(category, rng, defect, look)


def _prototypes(model: CLIP, tokenizer: TinyTokenizer, category: str, seed: int) -> Tensor:
    """The normal and the abnormal prototype [2, D]; one random context stands before all prompts."""
    name = class_name(category)
    prompts = [name + ".", *(state.format(name) + "." for state in (*GENERAL, *states(category)))]
    width = model.token_embedding.weight.shape[1]
    context = CONTEXT_STD * torch.randn(CONTEXT, width, generator=torch.Generator().manual_seed(seed))
    features = encode_prompts(model, tokenizer, prompts, context.expand(len(prompts), -1, -1))
    return functional.normalize(torch.stack([features[0], features[1:].mean(0)]), dim=-1)


if __name__ == "__main__":
    main()
