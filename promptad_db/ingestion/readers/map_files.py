"""One anomaly map from a TIFF or a NumPy file, in the floats that it holds, checked before its pixels are read."""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from promptad_db.errors import InputError, UsageError
from promptad_db.limits import LARGEST_PICTURE
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".tiff", ".tif", ".npy")
# Compressions that unpack to the size that the file declares; the others are images with a size of their own inside.
COMPRESSIONS = {"NONE", "LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA", "ZSTD"}
INSTALL = "pip install 'promptad-db[images]'"


class MapError(InputError):
    """A file because of which its category cannot be taken."""

    def __init__(self, path: Path, reason: str, hint: str = "") -> None:
        super().__init__(reason, hint)
        self.path = path


class Size(NamedTuple):
    """The size that all masks and maps of a category have, because this one has it."""

    height: int
    width: int
    path: Path

    def check(self, path: Path, shape: Sequence[int], *, hint: str = "") -> None:
        """MapError for a file of another shape."""
        if tuple(shape) != (self.height, self.width):
            found = " x ".join(map(str, shape))
            raise MapError(path, f"it is {found}, but {self.path} is {self.height} x {self.width}", hint)


def read_map(path: Path, size: Size | None, *, hint: str = "") -> NDArray[Any]:
    """A map [height, width] of finite floats of 16, 32 or 64 bits.

    Raises MapError, of another size than ``size`` with the ``hint``, UsageError where tifffile is needed and missing.
    """
    require_file(path)
    read = _read_npy if path.suffix == ".npy" else _read_tiff
    try:
        pixels = read(path, size, hint)
    except (MapError, UsageError):
        raise
    except Exception as error:  # tifffile raises nearly anything on damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        kind = "NumPy file" if path.suffix == ".npy" else "TIFF"
        raise MapError(path, f"not a readable {kind} ({reason})", INSTALL if "imagecodecs" in reason else "") from error
    if not (np.abs(pixels) <= np.finfo(np.float32).max).all():
        raise MapError(path, "the map holds NaN or infinite values, or some beyond float32")
    return pixels


def _read_npy(path: Path, size: Size | None, hint: str) -> NDArray[Any]:
    pixels: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_declared(path, pixels.shape, pixels.dtype, size, hint)
    return np.array(pixels)


def _read_tiff(path: Path, size: Size | None, hint: str) -> NDArray[Any]:
    with tifffile_module().TiffFile(path) as file:
        # Of a series tifffile would follow the file names in its metadata, a page is in this file alone.
        page = file.pages[0]
        shape: tuple[int, ...] = page.shape
        if len(file.pages) > 1:
            raise MapError(
                path, f"it holds {len(file.pages)} images of shape {list(shape)}, wanted one [height, width]"
            )
        _check_declared(path, shape, page.dtype, size, hint)
        if math.prod(page.chunks) > LARGEST_PICTURE:
            raise MapError(path, f"it declares chunks of {math.prod(page.chunks):,} pixels, too many to read")
        if page.compression.name not in COMPRESSIONS:
            raise MapError(path, f"its compression {page.compression.name} is not read", "write it with zlib or none")
        if min((*page.dataoffsets, *page.databytecounts), default=0) < 1:
            raise MapError(path, "a part of its pixels is missing")
        pixels: NDArray[Any] = page.asarray()
    if pixels.shape != shape:
        raise MapError(path, "a part of its pixels is missing")
    return pixels


def _check_declared(path: Path, shape: tuple[int, ...], dtype: Any, size: Size | None, hint: str) -> None:
    """Check the shape and the type that a file declares: a small file can declare a huge image."""
    if len(shape) != 2:  # noqa: PLR2004 - rows and columns
        raise MapError(path, f"it holds 1 images of shape {list(shape)}, wanted one [height, width]")
    if dtype is None or dtype.kind != "f":
        raise MapError(path, f"it holds {dtype}, an anomaly map holds floats")
    if dtype.itemsize > np.dtype(np.float64).itemsize:
        raise MapError(path, f"it holds {dtype}, an anomaly map holds at most float64", "write it as float64")
    if size is not None:
        size.check(path, shape, hint=hint)
    if shape[0] * shape[1] > LARGEST_PICTURE:
        raise MapError(path, f"it declares {shape[0]:,} x {shape[1]:,} pixels, too many to read")


@cache
def tifffile_module() -> Any:
    """The package tifffile; UsageError, which says what to install, where it is missing."""
    try:
        import tifffile
    except ImportError as error:
        raise UsageError("reading anomaly maps needs tifffile", INSTALL) from error
    # What is wrong with a file is said in the rejection, not in a log as well.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    return tifffile
