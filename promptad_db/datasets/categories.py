"""Which categories the datasets have, and whether each is a texture or an object.

MVTec AD: Bergmann et al., CVPR 2019. VisA: Zou et al., ECCV 2022.
"""

from typing import Literal

Kind = Literal["texture", "object"]

_MVTEC_TEXTURES = ("carpet", "grid", "leather", "tile", "wood")
_MVTEC_OBJECTS = (
    "bottle", "cable", "capsule", "hazelnut", "metal_nut", "pill", "screw", "toothbrush", "transistor", "zipper",
)  # fmt: skip
_VISA_OBJECTS = (
    "candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1", "pcb2", "pcb3", "pcb4",
    "pipe_fryum",
)  # fmt: skip

_SYNTHETIC_TEXTURES = ("grid", "leather", "marble", "tile", "weave", "wood")
_SYNTHETIC_OBJECTS = ("biscuit", "button", "capsule", "chip", "gear", "nut")

KINDS: dict[str, dict[str, Kind]] = {
    "mvtec": {**dict.fromkeys(_MVTEC_TEXTURES, "texture"), **dict.fromkeys(_MVTEC_OBJECTS, "object")},
    "visa": dict.fromkeys(_VISA_OBJECTS, "object"),
}
"""Of the published datasets."""

_SYNTHETIC: dict[str, Kind] = {
    **dict.fromkeys(_SYNTHETIC_TEXTURES, "texture"),
    **dict.fromkeys(_SYNTHETIC_OBJECTS, "object"),
}


def kind_of(dataset: str, category: str) -> Kind | None:
    """Texture or object, None for a category of another dataset."""
    return (_SYNTHETIC if dataset == "synthetic" else KINDS.get(dataset, {})).get(category)
