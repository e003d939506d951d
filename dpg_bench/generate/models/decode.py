"""From latents or pixels to 8-bit images, refusing what isn't numbers; latents a few at a time, rounded on the device.

The autoencoder takes about three times the memory of the U-Net per image, so that decoding a whole batch at once would
set its size. Eight-bit levels are a quarter of what would otherwise cross over from the device and be rounded by a
single thread while the device waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dpg_bench.errors import DpgBenchError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from PIL import Image

DECODED_AT_ONCE = 4
NOT_NUMBERS = (
    "The model made pixels that are not numbers, which happens when a value overflows in float16. "
    "Try --dtype bfloat16 or float32."
)


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
            raise DpgBenchError(NOT_NUMBERS)
        return [Image.fromarray(image) for image in torch.cat(levels).contiguous().cpu().numpy()]


def pixels_to_images(pixels: NDArray[np.floating]) -> list[Image.Image]:
    """Pixels in [0, 1], (images, height, width, 3), as 8-bit RGB images, rounded to the nearest level.

    Raises DpgBenchError if a pixel is infinite or not a number: saved, it would be a black image and a low score.
    """
    import numpy as np
    from PIL import Image

    if not np.isfinite(pixels).all():
        raise DpgBenchError(NOT_NUMBERS)
    return [Image.fromarray(image) for image in (pixels * 255).round().astype(np.uint8)]
