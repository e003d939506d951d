"""Seeds: what an image is fixes its noise."""

from __future__ import annotations

import hashlib

from dpg_bench.generate.plan import image_seed, item_seeds


def test_a_seed_is_sha256_of_seed_item_and_image() -> None:
    digest = hashlib.sha256(b"7\npartiprompts97\n2").digest()
    assert image_seed(7, "partiprompts97", 2) == int.from_bytes(digest[:8], "big") // 2


def test_seeds_differ_between_seeds_items_and_images_and_fit_63_bits() -> None:
    seeds = {image_seed(seed, item, image) for seed in (0, 1) for item in ("0", "1", "10") for image in range(4)}
    assert len(seeds) == 24
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_listed_seeds_are_used_as_they_are() -> None:
    assert item_seeds("x", images=4, seed=0, seeds=[1001, 1002, 1003, 1004]) == (1001, 1002, 1003, 1004)
    assert item_seeds("x", images=2, seed=0, seeds=None) == (image_seed(0, "x", 0), image_seed(0, "x", 1))
