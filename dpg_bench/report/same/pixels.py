"""How far two drawings of the same prompts from the same seeds are apart, image by image.

PSNR is 10 log10(255² / MSE) over all pixels and channels. SSIM is the mean structural similarity of Z. Wang, A. C.
Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from error visibility to structural similarity",
IEEE Transactions on Image Processing 13 (2004): a Gaussian window of 11 × 11 px with a deviation of 1.5, K1 0.01,
K2 0.03, each colour channel by itself, as scikit-image works it out.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpg_bench.errors import BadInputError
from dpg_bench.files.grid import Cut
from dpg_bench.files.image_content import UnusableImageError, open_image, read_image_file
from dpg_bench.files.images import ImageFolder
from dpg_bench.files.recorded_images import find_recorded_images, recorded_cuts
from dpg_bench.report.same.sides import Side

_WINDOW = 11
_THREADS = min(8, os.cpu_count() or 1)  # NumPy and SciPy let other threads run


@dataclass(frozen=True, slots=True)
class ImageDistance:
    """Image `image` (from 0) of an item in both drawings.

    `psnr` [dB] is None where every pixel is the same, `ssim` (-1 to 1) where scikit-image isn't installed or the image
    is smaller than its window. `largest` is the largest difference of a pixel's channel, 0 to 255.
    """

    item_id: str
    image: int
    psnr: float | None
    ssim: float | None
    largest: int

    @property
    def identical(self) -> bool:
        """Whether every pixel is the same."""
        return self.largest == 0


@dataclass(frozen=True, slots=True)
class Distances:
    """The distance of every image that both have, in the order of the items; `missing` says of others why not."""

    images: tuple[ImageDistance, ...]
    missing: Mapping[str, str]

    @property
    def identical(self) -> int:
        """How many images are the same in every pixel."""
        return sum(one.identical for one in self.images)

    @property
    def median_psnr(self) -> float | None:
        """[dB], the identical counted as farther up than any number; None if it lies among them."""
        middle = _median([np.inf if one.psnr is None else one.psnr for one in self.images])
        return middle if np.isfinite(middle) else None

    @property
    def median_ssim(self) -> float | None:
        """None if it isn't known of every image."""
        known = [one.ssim for one in self.images if one.ssim is not None]
        return _median(known) if known and len(known) == len(self.images) else None

    @property
    def farthest(self) -> list[ImageDistance]:
        """Those that differ, the lowest PSNR first."""
        return sorted((one for one in self.images if one.psnr is not None), key=lambda one: one.psnr or 0.0)


def measures_ssim() -> bool:
    """Whether scikit-image is installed."""
    return importlib.util.find_spec("skimage") is not None


def measure_distances(
    first: Side, second: Side, *, progress: Callable[[int, int], None] | None = None
) -> Distances | None:
    """Every image of `second` held against the same of `first`; None if either has no images any more.

    `progress` is told the items done, and of how many. An item that one of them lacks, or an image that can't be read,
    is `missing`.

    Raises BadInputError if two images of one prompt and seed have different sizes.
    """
    item_ids = list(dict.fromkeys([*first.item_ids, *second.item_ids]))
    sources = [_Source.of(side, item_ids) for side in (first, second)]
    if sources[0] is None or sources[1] is None:
        return None
    one, other = sources[0], sources[1]
    images: list[ImageDistance] = []
    missing: dict[str, str] = {}

    def measure(item_id: str) -> Sequence[ImageDistance] | str:
        for source in (one, other):
            if item_id not in source.folder.items:
                return f"{source.name}: {source.folder.missing.get(item_id, 'there is no image')}"
        try:
            return list(_distances(item_id, one, other))
        except UnusableImageError as error:
            return str(error)

    with ThreadPoolExecutor(_THREADS) as pool:
        for done, (item_id, found) in enumerate(zip(item_ids, pool.map(measure, item_ids), strict=True), start=1):
            if isinstance(found, str):
                missing[item_id] = found
            else:
                images += found
            if progress is not None:
                progress(done, len(item_ids))
    return Distances(tuple(images), missing)


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    folder: ImageFolder
    cuts: Mapping[str, Cut]

    @classmethod
    def of(cls, side: Side, item_ids: Sequence[str]) -> _Source | None:
        if side.run_dir is None:
            return None
        folder = find_recorded_images(side.run_dir, item_ids, images_per_prompt=side.images_per_prompt)
        return None if folder is None else cls(side.name, folder, recorded_cuts(side.run_dir, folder))

    def images(self, item_id: str) -> Iterator[NDArray[np.uint8]]:
        """An item's images, (height, width, 3)."""
        files = self.folder.items[item_id].files
        for file in files:
            picture = open_image(read_image_file(file), file)
            if len(files) > 1 or self.folder.images_per_prompt == 1:
                yield np.asarray(picture)
                continue
            cut = self.cuts.get(item_id)
            if cut is None:
                raise UnusableImageError(f"{file} holds no grid of {self.folder.images_per_prompt} images.")
            for box in cut.boxes(self.folder.images_per_prompt):
                yield np.asarray(picture.crop(box))


def _distances(item_id: str, one: _Source, other: _Source) -> Iterator[ImageDistance]:
    for number, (before, now) in enumerate(zip(one.images(item_id), other.images(item_id), strict=True)):
        if before.shape != now.shape:
            raise BadInputError(
                f"Image {number} of '{item_id}' is {before.shape[1]} × {before.shape[0]} px in {one.name} and "
                f"{now.shape[1]} × {now.shape[0]} px in {other.name}: images of different sizes are not the same."
            )
        yield image_distance(item_id, number, before, now)


def image_distance(item_id: str, image: int, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> ImageDistance:
    """The distance of two images of one size, (height, width, 3)."""
    difference = np.abs(before.astype(np.int16) - now)
    largest = int(difference.max())
    error = float(np.mean(difference.astype(np.float64) ** 2))
    psnr = None if largest == 0 else float(10 * np.log10(255**2 / error))
    return ImageDistance(item_id, image, psnr, _ssim(before, now, identical=largest == 0), largest)


def _ssim(before: NDArray[np.uint8], now: NDArray[np.uint8], *, identical: bool) -> float | None:
    if not measures_ssim() or min(before.shape[:2]) < _WINDOW:
        return None
    if identical:
        return 1.0
    from skimage.metrics import structural_similarity

    found = structural_similarity(
        before, now, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(found)


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
