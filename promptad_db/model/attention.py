"""The attention of an open_clip block, with its parts at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor, nn


def heads(attention: nn.MultiheadAttention, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values [B, heads, N, head width] of hidden states [B, N, W]."""
    projected = functional.linear(hidden, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = (
        part.reshape(*part.shape[:2], attention.num_heads, -1).transpose(1, 2) for part in projected.chunk(3, dim=-1)
    )
    return query, key, value


def attend(
    attention: nn.MultiheadAttention, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> Tensor:
    """The attention [B, N, W] of queries, keys and values, behind its output projection; ``mask`` [N, N] is added."""
    mixed = functional.scaled_dot_product_attention(query, key, value, mask)
    projected: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return projected


def unit(features: Tensor) -> Tensor:
    """Features in float32, L2-normalised."""
    return functional.normalize(features.float(), dim=-1)
