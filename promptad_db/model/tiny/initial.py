"""Where the training of the tiny model starts: two changes to open_clip's random weights, without which its patches
learn nothing in the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from open_clip.model import CLIP
    from torch import Tensor

VALUE_SCALE = 2.5
LEAST_DEVIATION = 0.3


@torch.no_grad()
def prepare(model: CLIP, images: Tensor) -> None:
    """Whiten the patch embedding over images [B, 3, H, W], and let value-value attention begin at the patch itself.

    The patch embedding becomes the leading principal components of the patches, each over its deviation: raw pixels
    are nearly all brightness. Larger values (their projection smaller, so the output is the same) make
    ``softmax(v v^T)`` peak where a patch meets itself; small ones average over the picture, and nothing local is left.
    """
    visual = model.visual
    patches = functional.unfold(images, visual.patch_size, stride=visual.patch_size).transpose(1, 2).flatten(0, 1)
    _, singular, components = torch.linalg.svd(patches - patches.mean(0), full_matrices=False)
    width = visual.conv1.out_channels
    deviation = singular[:width] / len(patches) ** 0.5
    whitening = components[:width] / (deviation[:, None] + LEAST_DEVIATION)
    visual.conv1.weight.copy_(whitening.reshape_as(visual.conv1.weight))
    for block in visual.transformer.resblocks:
        block.attn.in_proj_weight[-width:] *= VALUE_SCALE
        block.attn.out_proj.weight /= VALUE_SCALE
