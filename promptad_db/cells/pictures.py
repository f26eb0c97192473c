"""The images, ground truths and anomaly maps of a category as small PNG files in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.datasets import open_dataset
from promptad_db.datasets.images import read_image
from promptad_db.errors import InputError, PromptadError, UsageError
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.records import CategoryResult, RunInfo

EDGE = 224
_FOLLOWED = ("s3://", "s3a://", "gs://", "gcs://")
_OUTLINE = (0, 229, 255)
# Ten stops of matplotlib's inferno (S. van der Walt, N. Smith; CC0): its lightness grows evenly.
_INFERNO = "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4"


@dataclass(frozen=True)
class Panel:
    """One test image and what was made of it; pictures are PNG files as bytes, at most EDGE pixels wide and high.

    ``picture`` and ``truth`` (the mask, white on black) are None where there are none at hand, ``maps`` holds the
    rendered anomaly map of each branch, the ground truth outlined, and ``scores`` each branch's image score. ``ranges``
    are the lowest and the highest score of each branch's colours. ``alt`` says in words what the image is.
    """

    image: str
    label: int | None
    defect_type: str | None
    picture: bytes | None
    truth: bytes | None
    maps: dict[str, bytes] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    alt: str = ""


def make_panels(
    result: CategoryResult,
    rendered: Mapping[str, NDArray[np.float32]],
    scores: Mapping[str, NDArray[Any]],
    chosen: Sequence[int],
    paths: Mapping[str, Path],
    data_root: Path | None,
) -> list[Panel]:
    """A panel of each chosen image, by its place in ``result.images``.

    ``rendered`` are the chosen maps [len(chosen), H, W] of each branch, ``scores`` the image scores [N], ``paths`` the
    image files that are at hand, by image name, all below ``data_root``.
    """
    ranges = {branch: (float(maps.min()), float(maps.max())) for branch, maps in rendered.items()}
    made = []
    for place, index in enumerate(chosen):
        name = result.images[index]
        mask = None if result.masks is None else result.masks[index]
        size = _small(mask.shape if mask is not None else next(iter(rendered.values())).shape[1:])
        kind = None if result.defect_types is None else result.defect_types[index]
        label = None if result.labels is None else int(result.labels[index])
        told = {branch: float(values[index]) for branch, values in scores.items()}
        made.append(
            Panel(
                image=name,
                label=label,
                defect_type=kind,
                picture=_picture(paths.get(name), size, data_root),
                truth=None if mask is None else mask_png(mask, size),
                maps={
                    branch: map_png(maps[place], ranges[branch], size, outlined=mask)
                    for branch, maps in rendered.items()
                },
                scores=told,
                ranges=ranges,
                alt=_alt(name, label, kind, told),
            )
        )
    return made


def data_root_of(info: RunInfo, given: Path | None) -> Path | None:
    """Where the images of a run are: the folder given, else where the run found them, None when it does not say.

    The run may be somebody else's: of the addresses that it tells, only those of the stores whose servers the user's
    own settings name are followed, not one that holds a host. Raises InputError when the store cannot be reached.
    """
    told = info.source.get("data_root")
    if given is not None or not isinstance(told, str) or not told:
        return given
    if "://" in told and not told.startswith(_FOLLOWED):
        return None
    try:
        return folder_at(told)
    except OSError as error:
        raise InputError(f"{told}: cannot be reached ({error.strerror})", "give --data-root") from error


def image_paths(info: RunInfo, category: str, data_root: Path | None) -> dict[str, Path]:
    """The files of a category's test images by name, below ``data_root`` or where the run found them; empty when the
    dataset is not there.
    """
    try:
        root = data_root_of(info, data_root)
        return {} if root is None else _paths_below(root, info.dataset, category)
    except PromptadError:
        return {}


@lru_cache(maxsize=16)
def _paths_below(root: Path, dataset: str, category: str) -> dict[str, Path]:
    test = open_dataset(dataset, root).category(category, verify=False).test
    return {image.name: image.path for image in test}


def _small(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a picture that fits EDGE; small ones are kept, and grow in the page."""
    shrink = min(1.0, EDGE / max(shape))
    return max(1, round(shape[0] * shrink)), max(1, round(shape[1] * shrink))


def _picture(path: Path | None, size: tuple[int, int], data_root: Path | None) -> bytes | None:
    if path is None or data_root is None:
        return None
    try:
        return picture_png(path, size, data_root)
    except InputError:
        return None


def picture_png(path: Path, size: tuple[int, int], data_root: Path) -> bytes:
    """An image file at this height and width; InputError when it is none, or leads out of the data root.

    A run says where its images are, and may be somebody else's: no link and no ``..`` in a path is followed further.
    """
    if not path.resolve().is_relative_to(data_root.resolve()):
        raise InputError(f"{path}: leads out of the data root", "give --data-root the place where the files are")
    return _png(read_image(path).resize(size[::-1], _pillow().Resampling.LANCZOS))


def mask_png(mask: NDArray[np.bool_], size: tuple[int, int]) -> bytes:
    """A ground-truth mask [H, W] at this height and width, white on black."""
    return _png(_pillow().fromarray(_shrunk(mask, size).astype(np.uint8) * 255).convert("1"))


def map_png(
    values: NDArray[np.float32],
    limits: tuple[float, float],
    size: tuple[int, int],
    *,
    outlined: NDArray[np.bool_] | None = None,
) -> bytes:
    """A rendered map [H, W] in the colours of inferno from the lowest to the highest of ``limits``, at this height and
    width, with the outline of a ground-truth mask.
    """
    low, high = limits
    share = (values.astype(np.float64) - low) / (high - low) if high > low else np.zeros(values.shape)
    shades = np.rint(254 * np.clip(share, 0, 1)).astype(np.uint8)
    image = _pillow().fromarray(shades).resize(size[::-1], _pillow().Resampling.BILINEAR)
    pixels = np.array(image)
    if outlined is not None:
        pixels[_edge(_shrunk(outlined, size))] = 255
    image = _pillow().fromarray(pixels)
    image.putpalette(_palette())
    return _png(image)


def _shrunk(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    image = _pillow().fromarray(mask.astype(np.uint8) * 255).resize(size[::-1], _pillow().Resampling.BILINEAR)
    shrunk: NDArray[np.bool_] = np.asarray(image) > 127  # noqa: PLR2004 - more than half of it
    return shrunk


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels just outside of a mask, so that what is inside stays to be seen."""
    padded = np.pad(mask, 1)
    beside = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    edge: NDArray[np.bool_] = beside & ~mask
    return edge


def _palette() -> bytes:
    """255 colours of inferno, and the outline's."""
    stops = np.array([list(bytes.fromhex(stop)) for stop in _INFERNO.split()], dtype=np.float64)
    at = np.linspace(0, len(stops) - 1, 255)
    colours = np.stack([np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
    return np.rint(colours).astype(np.uint8).tobytes() + bytes(_OUTLINE)


def _png(image: Any) -> bytes:
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    return held.getvalue()


def _alt(name: str, label: int | None, kind: str | None, scores: Mapping[str, float]) -> str:
    state = {0: "normal", 1: f"anomalous ({kind})" if kind else "anomalous"}.get(label if label is not None else -1)
    told = ", ".join(f"{branch} {value:.3g}" for branch, value in scores.items())
    return "; ".join(part for part in (f"{name}: {state}" if state else name, f"scores {told}" if told else "") if part)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("pictures need Pillow", "pip install 'promptad-db[images]'") from error
    return Image
