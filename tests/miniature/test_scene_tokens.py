"""What the U-Net is told of a scene, and the error that it is trained on."""

import pytest
import torch
from torch import Tensor

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.scene import COLORS, Scene, Thing
from dpg_bench.miniature.train.denoising import WIDTH, new_scheduler, noised, weighted
from dpg_bench.miniature.train.scene_tokens import SceneTokens, nothing_told, tell

SCENES = [draw_scene(f"told {number}", held_out=False) for number in range(300)]


def told(scene: Scene, share: float = 1.0, seed: str = "test") -> Tensor:
    return tell(scene, Dice(seed), share)


def says_something(numbers: Tensor) -> Tensor:
    """Whether each token (N, 16) does."""
    return (numbers != nothing_told()[0]).any(-1)


def test_told_all_each_scene_has_a_token_for_each_thing_and_is_like_no_other() -> None:
    for scene in SCENES:
        assert int(says_something(told(scene)).sum()) == 1 + len(scene.things)
    assert len({tuple(told(scene).flatten().tolist()) for scene in SCENES}) == len(set(SCENES))


def test_told_nothing_but_what_is_there_each_thing_has_its_kind_alone() -> None:
    present = 0
    for scene in SCENES:
        whole, *things = told(scene, share=0.0, seed=str(scene))
        assert int(whole.count_nonzero()) == 1
        assert all(int(thing.count_nonzero()) == 1 for thing in things)
        present += int(says_something(torch.stack(things)).sum())
    assert 0.45 < present / sum(len(scene.things) for scene in SCENES) < 0.55


def test_a_share_is_told_of_what_there_is_to_tell() -> None:
    def facts(share: float) -> int:
        tokens = [told(scene, share, str(number)) for number, scene in enumerate(SCENES)]
        return sum(int(token.count_nonzero()) for rows in tokens for token in rows[says_something(rows)])

    assert facts(0.0) < 0.3 * facts(1.0) < 0.5 * facts(1.0) < facts(0.8) < facts(1.0)


def test_things_are_told_apart_by_what_alone_differs() -> None:
    (first, second) = (Scene((Thing("star", 0, color, "large"),), (), "white", "filled") for color in COLORS[:2])
    tokens = SceneTokens(WIDTH)(torch.stack([told(first), told(second), nothing_told()]))
    assert tokens.shape == (3, 7, WIDTH)
    assert torch.equal(tokens[0, 0], tokens[1, 0])
    assert not torch.equal(tokens[0, 1], tokens[1, 1])
    assert torch.equal(tokens[0, 2:], tokens[2, 2:])


@pytest.mark.parametrize("off", [0.0, 2.0])
def test_the_error_is_that_of_the_noise_and_much_noise_weighs_more(off: float) -> None:
    torch.manual_seed(0)
    scheduler, latents = new_scheduler(), torch.randn(64, 4, 16, 16)
    at = noised(scheduler, latents)
    signal = scheduler.alphas_cumprod[at.steps]
    share = signal.view(-1, 1, 1, 1)
    noise = (at.noisy - share.sqrt() * latents) / (1 - share).sqrt()
    losses = weighted(noise + off, at.noise, at.weights)
    assert float(losses["error"]) == pytest.approx(off**2, abs=1e-3)
    weights = [min(1, 5 * (1 - share) / share) * min(10, share**-0.5) for share in signal.tolist()]
    assert float(losses["loss"]) == pytest.approx(off**2 * sum(weights) / len(weights), rel=1e-3, abs=1e-3)
    assert max(weights) > 2
    assert min(weights) < 0.5
