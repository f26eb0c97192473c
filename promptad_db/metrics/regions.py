"""AUPRO: the area under the per-region overlap curve, exact over all thresholds.

The per-region overlap (PRO) at a threshold is the share of a ground-truth region that is flagged, averaged over the
regions of all images, so that a small defect counts as much as a large one (Bergmann et al., IJCV 129, 2021, section 5.2).
It is drawn over the false positive rate of all normal pixels, between the distinct thresholds by straight lines.

Written as a sum over anomalous pixels this needs no curve: each adds the weight 1 / (pixels of its region x regions), and
it does so linearly between the false positive rate just above its score and the one that includes its score. The area of
that ramp up to the limit has a closed form. The cost is a ranking plus a connected-component labelling of the masks.
"""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptad_db.errors import InputError
from promptad_db.metrics.curves import of_ranking
from promptad_db.metrics.placements import placements
from promptad_db.metrics.ranking import Ranking, as_truth, rank
from promptad_db.precision import as_array
from promptad_db.records import Placements


class PixelTruth:
    """Ground-truth ``masks`` (bool or 0/1, 1 = anomalous, [N, H, W] or [H, W]) and what all maps of them share.

    The regions are found once, however many maps are measured.
    """

    def __init__(self, masks: ArrayLike) -> None:
        self.masks = as_truth(as_array(masks, "masks"))

    def metrics(self, maps: ArrayLike, fpr_limit: float = 0.3) -> dict[str, float]:
        """Return "auroc", "ap", "f1_max" and "aupro" of ``maps`` of the masks' shape, each 0..1, from one ranking.

        Errors as in `aupro`.
        """
        return self._metrics(self._rank(maps, fpr_limit), fpr_limit)

    def metrics_and_placements(self, maps: ArrayLike, fpr_limit: float = 0.3) -> tuple[dict[str, float], Placements]:
        """Return the same and the placements by image, from one ranking."""
        ranking = self._rank(maps, fpr_limit, by_image=True)
        return self._metrics(ranking, fpr_limit), placements(maps, self.masks, ranking)

    def aupro(self, maps: ArrayLike, fpr_limit: float = 0.3) -> float:
        """Return the area under the per-region overlap curve alone; see the function `aupro`."""
        return self._aupro(self._rank(maps, fpr_limit), fpr_limit)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """What each anomalous pixel adds to the overlap: 1 / (pixels of its region x regions)."""
        regions = _regions(self.masks.reshape(-1, *self.masks.shape[-2:]))
        sizes = np.bincount(regions)
        weights: NDArray[np.float64] = (1 / sizes[regions]) / sizes.size
        return weights

    def _rank(self, maps: ArrayLike, fpr_limit: float, *, by_image: bool = False) -> Ranking:
        if not 0 < fpr_limit <= 1:
            raise InputError(f"fpr_limit must be above 0 and at most 1, not {fpr_limit}")
        if np.ndim(maps) not in (2, 3):
            raise InputError(f"maps must have the shape [N, H, W] or [H, W], not {np.shape(maps)}")
        return rank(maps, self.masks, by_image=by_image)

    def _metrics(self, ranking: Ranking, fpr_limit: float) -> dict[str, float]:
        return of_ranking(ranking) | {"aupro": self._aupro(ranking, fpr_limit)}

    def _aupro(self, ranking: Ranking, limit: float) -> float:
        # The anomalous pixels of one score are detected at one threshold; their weights together are one ramp.
        gain = np.add.reduceat(self._weights.take(ranking.order), np.cumsum(ranking.hits) - ranking.hits)
        fpr_before = (ranking.n_neg - ranking.up_to) / ranking.n_neg
        fpr_after = (ranking.n_neg - ranking.below) / ranking.n_neg
        # Rounding may lift the sum of a perfect detector just over 1.
        return min(1.0, float(np.dot(gain, _ramp_area(fpr_before, fpr_after, limit))) / limit)


def aupro(maps: ArrayLike, masks: ArrayLike, fpr_limit: float = 0.3) -> float:
    """Return the area under the per-region overlap curve up to ``fpr_limit``, divided by it: 0..1.

    ``maps`` (higher = more anomalous) and ``masks`` (bool or 0/1, 1 = anomalous) have one shape, [N, H, W] or [H, W].
    Regions are 8-connected; the false positive rate is that of all normal pixels of all images.

    Raises InputError for unusable arrays or a limit outside (0, 1]; OneClassError when one class is missing.
    """
    return PixelTruth(masks).aupro(maps, fpr_limit)


def pixel_metrics(maps: ArrayLike, masks: ArrayLike, fpr_limit: float = 0.3) -> dict[str, float]:
    """Return "auroc", "ap", "f1_max" and "aupro", each 0..1 and as from its own function, from one ranking.

    Arguments and errors as in `aupro`.
    """
    return PixelTruth(masks).metrics(maps, fpr_limit)


def _regions(masks: NDArray[np.bool]) -> NDArray[np.intp]:
    """Return the number, from 0, of the 8-connected region of each anomalous pixel, in the order of ``masks[masks]``."""
    from scipy.ndimage import label

    found: list[NDArray[np.intp]] = []
    total = 0
    for mask in masks[masks.any(axis=(1, 2))]:
        numbered, count = label(mask, structure=np.ones((3, 3)))
        found.append(numbered[mask] + (total - 1))
        total += count
    return np.concatenate(found)


def _ramp_area(start: NDArray[np.float64], stop: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    """Return the area from 0 to ``limit`` under lines that are 0 up to ``start`` and rise to 1 at ``stop``."""
    area = np.where(stop <= limit, limit - (start + stop) / 2, 0.0)
    cut = (start < limit) & (limit < stop)
    area[cut] = (limit - start[cut]) ** 2 / (2 * (stop[cut] - start[cut]))
    return area
