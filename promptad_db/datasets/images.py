"""Image files into RGB pictures and boolean masks; a file that cannot be read whole is refused by name."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.datasets.layout import GOOD
from promptad_db.datasets.listing import read_bytes
from promptad_db.datasets.masks import mask_of
from promptad_db.errors import InputError, UsageError
from promptad_db.limits import LARGEST_PICTURE
from promptad_db.storage import each, is_remote
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

    from promptad_db.datasets.layout import LabelledImage
    from promptad_db.datasets.masks import Mask

# Pillow knows dozens of formats; some, such as EPS, start other programs.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
_LARGEST_16_BIT = 65535
_UNREADABLE = (
    OSError, ValueError, SyntaxError, TypeError, EOFError, LookupError, ArithmeticError, struct.error, zlib.error, Warning,
)  # fmt: skip


def read_image(path: Path) -> Image:
    """An image in 8 bit RGB, its pixels where they are stored (a camera's rotation note is not applied: masks ignore it).

    Grey is repeated, palettes are looked up, an alpha channel is dropped as every other loader of the field does, and
    16 bit grey is scaled from 0..65535 to 0..255.

    Raises InputError for a file that is missing, broken, cut short or absurdly large, or whose pixels have no agreed
    range (floats, 32 bit integers beyond 65535).
    """
    with _opened(path) as image:
        if image.mode == "F":
            raise InputError(f"{path}: holds floats, which have no agreed white", "convert it to 8 or 16 bit")
        if image.mode == "I" or image.mode.startswith("I;16"):
            return _from_16_bit(path, np.asarray(image))
        if image.mode in {"P", "PA"}:
            return image.convert("RGBA").convert("RGB")
        return image.convert("RGB")


def read_mask(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """A ground-truth mask as booleans [height, width], True where it is anomalous; ``masks`` says by which rule.

    ``size`` (height, width) resizes it by nearest neighbour. Raises InputError for a file that cannot be read whole, or
    that cannot be meant as a mask.
    """
    return resized(read_mask_file(path).pixels, size)


def read_ground_truth(image: LabelledImage, *, empty: bool = False) -> Mask:
    """The mask of an anomalous image, in its own size; InputError as ``read_mask`` and, unless ``empty``, for an empty one."""
    assert image.mask is not None
    mask = read_mask_file(image.mask)
    if not empty and not mask.pixels.any():
        raise InputError(
            f"{image.mask}: is empty though its image is anomalous", f"draw the defect or move {image.path} to {GOOD}"
        )
    return mask


def resized(mask: NDArray[np.bool_], size: tuple[int, int] | None) -> NDArray[np.bool_]:
    """A mask at the size (height, width), by nearest neighbour; None leaves it as it is."""
    if size is None or mask.shape == size:
        return mask
    image_module = _pillow()
    picture = image_module.fromarray(mask.view(np.uint8))
    pixels: NDArray[np.bool_] = np.asarray(picture.resize(size[::-1], image_module.Resampling.NEAREST)) > 0
    return pixels


def read_images(images: Sequence[LabelledImage]) -> Iterable[Image]:
    """The images as ``read_image`` returns them, in this order; those on a store are asked for some at a time."""
    paths = [image.path for image in images]
    return each(paths[0], read_image, paths) if paths and is_remote(paths[0]) else map(read_image, paths)


def load_masks(
    images: Sequence[LabelledImage], height: int, width: int, *, thresholded: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """The masks of images as booleans [N, height, width], by nearest neighbour; all false for normal images.

    ``thresholded`` [N] is set where half grey had to decide what is anomalous. Errors as in ``read_ground_truth``.
    """
    masks = np.zeros((len(images), height, width), dtype=bool)

    def load(index: int) -> None:
        if images[index].mask is not None:
            mask = read_ground_truth(images[index])
            masks[index] = resized(mask.pixels, (height, width))
            if thresholded is not None:
                thresholded[index] = mask.thresholded

    if images:
        each(images[0].path, load, range(len(images)))
    return masks


def read_mask_file(path: Path) -> Mask:
    """A ground-truth mask in its own size, and whether half grey decided; errors as in ``read_mask``."""
    with _opened(path) as image:
        try:
            return mask_of(image)
        except InputError as error:
            raise InputError(f"{path}: {error.args[0]}", error.hint) from error


def _from_16_bit(path: Path, pixels: NDArray[Any]) -> Image:
    if pixels.min() < 0 or pixels.max() > _LARGEST_16_BIT:
        raise InputError(f"{path}: holds 32 bit integers, which have no agreed white", "convert it to 8 or 16 bit")
    grey = np.rint(pixels * (255 / _LARGEST_16_BIT)).astype(np.uint8)
    return _pillow().fromarray(grey).convert("RGB")  # type: ignore[no-any-return]


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """An open and fully decoded picture; what goes wrong in between is an InputError that names the file."""
    image_module = _pillow()
    try:
        with image_module.open(_source(path), formats=_FORMATS) as image:
            _require_small(path, image)
            image.load()
            yield image
    except InputError:
        raise
    except (*_UNREADABLE, image_module.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error})", "replace the file by a whole copy") from error


def _source(path: Path) -> Path | io.BytesIO:
    """What Pillow reads: a file, or the bytes of an object on a store, which come in one request."""
    if not is_remote(path):
        require_file(path)
        return path
    try:
        return _Downloaded(read_bytes(path), path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


class _Downloaded(io.BytesIO):
    """The bytes of an object, which Pillow's errors call by its address."""

    def __init__(self, content: bytes, path: Path) -> None:
        super().__init__(content)
        self._path = path

    def __repr__(self) -> str:
        return repr(str(self._path))


def _require_small(path: Path, image: Image) -> None:
    if image.width * image.height > LARGEST_PICTURE:
        raise InputError(f"{path}: declares {image.width:,} x {image.height:,} pixels, too many to read")


@cache
def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("reading images and masks needs Pillow", "pip install 'promptad-db[images]'") from error
    # What is wrong with a file is said when it is refused, not in a log as well.
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    return Image
