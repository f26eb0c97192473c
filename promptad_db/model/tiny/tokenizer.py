"""CLIP's own tokenizer with the few words that the tiny model knows."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import torch
from open_clip.tokenizer import SimpleTokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from torch import LongTensor

PAD, UNKNOWN, START = 0, 1, 2
_SPECIAL = 3


class TinyTokenizer:
    """Texts to token ids: padding 0, unknown 1, start 2, the known pieces in order, and end as the highest id,
    where open_clip's text encoder reads its feature.

    ``pieces`` are the ids of CLIP's byte-pair vocabulary that the model knows; every other piece is unknown.
    """

    def __init__(self, pieces: Sequence[int], context_length: int) -> None:
        self.context_length = context_length
        self._ids = {piece: _SPECIAL + place for place, piece in enumerate(pieces)}
        self._pieces = {place: piece for piece, place in self._ids.items()}

    @classmethod
    def load(cls, path: Path, context_length: int) -> TinyTokenizer:
        """The tokenizer of a vocabulary file, a JSON list of piece ids."""
        return cls(json.loads(path.read_text("utf-8")), context_length)

    @property
    def start(self) -> int:
        """The id of the start token."""
        return START

    @property
    def end(self) -> int:
        """The id of the end token, the highest of all."""
        return _SPECIAL + len(self._ids)

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return self.end + 1

    def encode(self, text: str) -> list[int]:
        """The ids of a text without start and end."""
        return [self._ids.get(piece, UNKNOWN) for piece in clip_pieces(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; unknown pieces and the special tokens are left out."""
        pieces = [self._pieces[i] for i in ids if i in self._pieces]
        text: str = _clip().decode(pieces)
        return text.strip()

    def __call__(self, texts: Sequence[str] | str) -> LongTensor:
        """Token ids [n, context_length] of n texts, with start and end, cut to fit and padded with 0."""
        texts = [texts] if isinstance(texts, str) else texts
        tokens = torch.full((len(texts), self.context_length), PAD)
        for row, text in zip(tokens, texts, strict=True):
            ids = [START, *self.encode(text)[: self.context_length - 2], self.end]
            row[: len(ids)] = torch.tensor(ids)
        return tokens  # type: ignore[return-value]


def clip_pieces(text: str) -> list[int]:
    """The ids of a text in CLIP's own vocabulary, without start and end."""
    pieces: list[int] = _clip().encode(text)
    return pieces


@cache
def _clip() -> SimpleTokenizer:
    return SimpleTokenizer()
