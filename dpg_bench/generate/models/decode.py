"""From latents or pixels to 8-bit images, refusing what isn't numbers; latents a few at a time, rounded on the device.

The autoencoder takes about three times the memory of the U-Net per image, so that decoding a whole batch at once would
set its size. Eight-bit levels are a quarter of what would otherwise cross over from the device and be rounded by a
single thread while the device waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import DpgBenchError, option

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from PIL import Image

DECODED_AT_ONCE = 4
_ROUNDING = 2**-7  # of bfloat16, at 1


def not_numbers(dtype: str) -> str:
    """What to say of pixels that are not numbers, and what to try where `dtype` was the precision."""
    others = {"float16": "bfloat16 or float32", "bfloat16": "float32"}.get(dtype)
    advice = (
        f"Try {option('dtype')} {others}."
        if others
        else "Its weights may be damaged; load them again from their source."
    )
    return f"The model made pixels that are not numbers, as when a value overflows in {dtype}. {advice}"


def decode_images(pipeline: Any, latents: torch.Tensor) -> list[Image.Image]:
    """The RGB images of a Stable Diffusion pipeline's final latents, (N, 4, height / 8, width / 8).

    Raises DpgBenchError if a pixel is not a number: saved, it would be a black image and a low score.
    """
    import torch
    from PIL import Image

    vae = pipeline.vae
    levels: list[torch.Tensor] = []
    with torch.inference_mode():
        finite = torch.ones((), dtype=torch.bool, device=latents.device)
        for part in torch.split(latents, DECODED_AT_ONCE):
            decoded = vae.decode(part / vae.config.scaling_factor, return_dict=False)[0]
            pixels = pipeline.image_processor.postprocess(decoded, output_type="pt").float()
            finite &= pixels.isfinite().all()
            levels.append((pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1))
        if not finite:  # asked once: every question makes the host wait for the device
            raise DpgBenchError(not_numbers(str(vae.dtype).removeprefix("torch.")))
        return [Image.fromarray(image) for image in torch.cat(levels).contiguous().cpu().numpy()]


def pixels_to_images(pixels: Sequence[NDArray[np.floating]], *, dtype: str) -> list[Image.Image]:
    """Pixels in [0, 1], each (height, width, 3), as 8-bit RGB images, rounded to the nearest level.

    What lies outside by no more than rounding does is cut off.

    Raises DpgBenchError if a pixel is infinite or not a number: saved, it would be a black image and a low score. And
    if pixels are of another range: levels above the highest would begin anew at black.
    """
    import numpy as np
    from PIL import Image

    if not all(np.isfinite(image).all() for image in pixels):
        raise DpgBenchError(not_numbers(dtype))
    low, high = min(image.min() for image in pixels), max(image.max() for image in pixels)
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise DpgBenchError(f"The model made pixels from {low:g} to {high:g}, and not from 0 to 1 as asked.")
    return [Image.fromarray((np.clip(image, 0, 1) * 255).round().astype(np.uint8)) for image in pixels]
