"""What a picture of a ground truth means: which of its pixels are anomalous, and when nobody can tell.

One rule for every mask. What is not black is anomalous where two values stand for normal and anomalous, or a few for the
kinds of defects. What holds greys along its edges, as after JPEG or a resize, is anomalous above half grey, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

INVERTED = "is anomalous in most of the image and along its border, as if white stood for normal"
INVERT = "invert it: black is normal, white anomalous"
_AS_TWO_VALUES = "save it as PNG of two values, black for normal and white for anomalous"

_GREY_MODES = ("1", "L", "LA", "RGB", "RGBA", "RGBX", "F", "I")
_WHITES = (1, 255, 65535)
_LARGEST_LABEL = 15  # of labels that are counted, not drawn in shades of grey
_FEW_SHADES = 4
_TWO = 2
_OPAQUE = 127
_MOST_GREY = 1 / 4  # of the image
_MOST_OF_DEFECT = 0.7
_FEW_VALUES = 64
_MOST_OF_BORDER = 3 / 4


class Mask(NamedTuple):
    """A ground truth [height, width], True where it is anomalous; ``thresholded`` where half grey had to decide."""

    pixels: NDArray[np.bool_]
    thresholded: bool


def mask_of(image: Image) -> Mask:
    """What a decoded picture says; an InputError, without the path, for one that cannot be a mask.

    Refused are alpha channels that tell more than the colours, pictures that are mostly grey, and white backgrounds.
    """
    if getattr(image, "n_frames", 1) > 1:
        raise InputError("holds several pictures", _AS_TWO_VALUES)
    colours, alpha = _colours(image)
    mask = _labels(image, colours) or _by_brightness(colours, lossless=image.format != "JPEG")
    if alpha is not None and alpha.min() < alpha.max() and _alpha_decides(mask.pixels, alpha):
        raise InputError("its defects stand in the alpha channel, not in its colours", _AS_TWO_VALUES)
    if is_inverted(mask.pixels):
        raise InputError(INVERTED, INVERT)
    return mask


def is_inverted(pixels: NDArray[np.bool_]) -> bool:
    """Whether a mask [height, width] covers most of the image and of its border, but not all of it."""
    if pixels.all() or np.count_nonzero(pixels) * 2 <= pixels.size:
        return False
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    return bool(border.mean() >= _MOST_OF_BORDER)


def _colours(image: Image) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The colours [height, width] or [height, width, channels] of a picture, and its alpha channel."""
    if image.mode in {"P", "PA", "RGBa"} or (image.has_transparency_data and image.mode in {"L", "RGB"}):
        image = image.convert("RGBA")
    elif image.mode not in _GREY_MODES and not image.mode.startswith("I;16"):
        image = image.convert("RGB")
    pixels = np.asarray(image)
    if pixels.ndim == _TWO:
        return pixels, None
    last = image.getbands()[-1]
    return (pixels[..., :-1] if last in {"A", "X"} else pixels), (pixels[..., -1] if last == "A" else None)


def _labels(image: Image, colours: NDArray[Any]) -> Mask | None:
    """The mask of a palette of few colours, which are labels whatever their brightness; None for any other picture."""
    if image.mode != "P" or (colours == colours[..., :1]).all():
        return None
    if np.count_nonzero(np.bincount(np.asarray(image).ravel())) > _LARGEST_LABEL + 1:
        return None
    return Mask(colours.max(axis=-1) > 0, thresholded=False)


def _by_brightness(colours: NDArray[Any], *, lossless: bool) -> Mask:
    grey = colours if colours.ndim == _TWO else colours.max(axis=-1)
    values = _values_of(grey)
    white = 255 if grey.dtype == np.uint8 else next((white for white in _WHITES if values[-1] <= white), None)
    if not np.isfinite(values).all() or values[0] < 0:
        raise InputError("holds values below zero or that are no numbers", _AS_TWO_VALUES)
    if values.size == 1 and colours.ndim > _TWO and np.ptp(colours, axis=(0, 1)).any():
        raise InputError("has no black pixel, which stands for normal", _AS_TWO_VALUES)
    if values.size == 1 or (values.size == _TWO and values[0] == 0 and (lossless or values[1] > _LARGEST_LABEL)):
        return Mask(grey > 0, thresholded=False)
    if white is None:
        raise InputError("holds 32 bit integers or floats, which have no agreed white", _AS_TWO_VALUES)
    if lossless and values[0] == 0 and _are_labels(grey, values, white):
        return Mask(grey > 0, thresholded=False)
    _require_edges(grey / white, values.size)
    return Mask(grey > white / 2, thresholded=True)


def _are_labels(grey: NDArray[Any], values: NDArray[Any], white: int) -> bool:
    """Whether greys are labels: numbers (with white as a further one), or few shades that are as large as the brightest."""
    if ((values <= _LARGEST_LABEL) & (values % 1 == 0) | (values == white)).all():
        return True
    shades = np.count_nonzero(grey) - np.count_nonzero(grey == values[-1])
    return bool(values.size <= _FEW_SHADES and 2 * shades >= np.count_nonzero(grey))


def _require_edges(share: NDArray[np.float64], values: int) -> None:
    """Refuse shares of white that are no black and white with grey edges: a photograph, an anomaly map."""
    bright = share > 1 / 8
    between = np.count_nonzero(bright & (share < 7 / 8))
    of_defect = _MOST_OF_DEFECT * np.count_nonzero(bright) if values > _FEW_VALUES else share.size
    if between > min(_MOST_GREY * share.size, of_defect):
        raise InputError(
            f"holds {values} grey values, too many of them neither black nor white for a mask", _AS_TWO_VALUES
        )


def _alpha_decides(pixels: NDArray[np.bool_], alpha: NDArray[Any]) -> bool:
    return not pixels.any() or bool((pixels & (alpha <= _OPAQUE)).any())


def _values_of(grey: NDArray[Any]) -> NDArray[Any]:
    if grey.dtype in (np.uint8, np.uint16):
        return np.flatnonzero(np.bincount(grey.ravel()))
    return np.unique(grey)
