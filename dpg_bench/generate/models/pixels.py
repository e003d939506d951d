"""From a pipeline's pixels to images, refusing those that aren't numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dpg_bench.errors import DpgBenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


NOT_NUMBERS = (
    "The model made pixels that are not numbers, which happens when a value overflows in float16. "
    "Try --dtype bfloat16 or float32."
)


def pixels_to_images(pixels: NDArray[np.floating]) -> list[Image.Image]:
    """Pixels in [0, 1], (images, height, width, 3), as 8-bit RGB images, rounded to the nearest level.

    Raises DpgBenchError if a pixel is infinite or not a number: saved, it would be a black image and a low score.
    """
    import numpy as np
    from PIL import Image

    if not np.isfinite(pixels).all():
        raise DpgBenchError(NOT_NUMBERS)
    return [Image.fromarray(image) for image in (pixels * 255).round().astype(np.uint8)]
