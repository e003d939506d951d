"""What a PNG compression level costs and saves, on grids of 2×2 images with 512 px a side.

    python -m benchmarks.generation.png_level                 grids made here: photo-like (a 1/f³ power spectrum), grainy, flat drawing, noise
    python -m benchmarks.generation.png_level FOLDER          and the PNG files of a folder, such as a run's images/

Prints for each kind and level the median seconds per grid, the megabytes, and both against level 6, Pillow's default.
Every file is read back and compared, pixel for pixel.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.measuring import describe_machine

LEVELS = (1, 3, 6)
SIDE = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(describe_machine())
    rng = np.random.default_rng(0)
    kinds = {
        "photo-like": [photo_like(rng, grain=0.5) for _ in range(3)],
        "grainy": [photo_like(rng, grain=2.0) for _ in range(3)],
        "drawing": [drawing(rng) for _ in range(3)],
        "noise": [Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)) for _ in range(3)],
    }
    if arguments.folder is not None:
        files = sorted(arguments.folder.glob("*.png"))[:20]
        kinds[arguments.folder.name] = [Image.open(file).convert("RGB") for file in files]
    for kind, images in kinds.items():
        measure(kind, images, arguments.repeats)


def measure(kind: str, images: list[Image.Image], repeats: int) -> None:
    seconds: dict[int, list[float]] = {level: [] for level in LEVELS}
    size = dict.fromkeys(LEVELS, 0)
    for repeat in range(repeats):
        for image in images:
            for level in LEVELS:
                content = io.BytesIO()
                start = time.process_time()
                image.save(content, format="PNG", compress_level=level)
                seconds[level].append(time.process_time() - start)
                if repeat == 0:
                    size[level] += len(content.getvalue())
                    with Image.open(content) as again:
                        assert again.tobytes() == image.tobytes()
    usual = statistics.median(seconds[6])
    for level in LEVELS:
        median = statistics.median(seconds[level])
        print(
            f"{kind:<11} level {level}: {median:.3f} s, {size[level] / len(images) / 1e6:.2f} MB; against level 6: "
            f"{usual / median:.1f} times as fast, {size[level] / size[6] - 1:+.1%} bytes"
        )


def photo_like(rng: np.random.Generator, *, grain: float) -> Image.Image:
    """Four images whose spectrum falls with frequency as photographs' do, their channels alike, with some grain."""
    grid = np.empty((SIDE, SIDE, 3), np.uint8)
    half = SIDE // 2
    frequency = np.hypot(np.fft.fftfreq(half)[:, None], np.fft.rfftfreq(half)[None])
    falloff = np.maximum(frequency, 1 / half) ** -1.5
    for top in (0, half):
        for left in (0, half):
            shared = spectrum_noise(rng, falloff)
            for channel in range(3):
                values = 128 + 50 * (0.9 * shared + 0.3 * spectrum_noise(rng, falloff))
                values += grain * rng.standard_normal(values.shape)
                grid[top : top + half, left : left + half, channel] = values.clip(0, 255).round().astype(np.uint8)
    return Image.fromarray(grid)


def spectrum_noise(rng: np.random.Generator, falloff: np.ndarray) -> np.ndarray:
    """Real noise of unit deviation with the spectrum `falloff`."""
    side = falloff.shape[0]
    values = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * falloff, s=(side, side))
    return (values - values.mean()) / values.std()


def drawing(rng: np.random.Generator) -> Image.Image:
    """Flat shapes with hard edges."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(80):
        x, y, width, height = (int(value) for value in rng.integers(0, SIDE // 2, 4))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        draw.ellipse([x * 2, y * 2, x * 2 + width, y * 2 + height], fill=colour)
    return image


if __name__ == "__main__":
    main()
