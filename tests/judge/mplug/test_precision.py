"""What decides how a GPU multiplies matrices holds while the judge is at work, and for it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from dpg_bench.judge.mplug.precision import Linear, first_bits, products, weights_dtype


def _chosen() -> tuple[str, bool, bool]:
    matmul = torch.backends.cuda.matmul
    return (
        torch.get_float32_matmul_precision(),
        matmul.allow_fp16_reduced_precision_reduction,
        matmul.allow_bf16_reduced_precision_reduction,
    )


@pytest.mark.parametrize(
    ("precision", "chosen"),
    [("float32", "highest"), ("tf32x3", "highest"), ("tf32", "high"), ("float16", "highest"), ("bfloat16", "highest")],
)
def test_products_are_as_exact_as_the_precision_says_whatever_was_chosen_before(precision: str, chosen: str) -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        before = _chosen()
        with products(precision):
            assert _chosen() == (chosen, False, False)
        assert _chosen() == before
        with pytest.raises(ValueError, match="fails"), products(precision):
            raise ValueError("fails")
        assert _chosen() == before
    finally:
        torch.set_float32_matmul_precision("highest")


def test_tf32_weights_are_float32() -> None:
    assert weights_dtype("tf32") == weights_dtype("tf32x3") == torch.float32
    assert weights_dtype("bfloat16") == torch.bfloat16


def test_a_linear_layer_takes_any_precision_and_answers_in_its_own() -> None:
    layer = Linear(4, 3).to(torch.bfloat16)
    assert layer(torch.randn(2, 4)).dtype == torch.bfloat16
    assert layer(torch.randn(2, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_the_first_bits_are_what_tf32_holds() -> None:
    numbers = torch.tensor([1.0, -1.0009765625, 1.00048828125, 3.14159265, -1e-30, 0.0])
    assert first_bits(numbers).tolist()[:3] == [1.0, -1.0009765625, 1.0]
    assert (first_bits(numbers) - numbers).abs().le(numbers.abs() * 2**-10).all()


@pytest.fixture
def tf32_addmm(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`torch.addmm` as a tensor core would compute it if TF32 is on, and the modes it was called in."""
    modes: list[str] = []
    whole: Callable[..., Tensor] = torch.addmm

    def addmm(summand: Tensor, rows: Tensor, weight: Tensor, **kwargs: Any) -> Tensor:
        modes.append(torch.get_float32_matmul_precision())
        return whole(summand, first_bits(rows), first_bits(weight), **kwargs)

    monkeypatch.setattr(torch, "addmm", addmm)
    return modes


@torch.no_grad()
def test_three_tf32_products_are_hardly_less_exact_than_float32(tf32_addmm: list[str]) -> None:
    torch.manual_seed(0)
    rows, layer = torch.randn(3, 50, 1024), Linear(1024, 300)
    exact = rows.double() @ layer.weight.T.double() + layer.bias.double()
    once = torch.addmm(layer.bias, rows.flatten(0, 1), layer.weight.T).reshape(exact.shape)
    float32 = layer(rows)
    tf32_addmm.clear()

    layer.split()
    with products("tf32x3"):
        thrice = layer(rows)
    assert thrice.shape == exact.shape
    assert tf32_addmm == ["high"] * 3

    def error(found: Tensor) -> float:
        return float((found - exact).norm() / exact.norm())

    assert error(once) > 1e-4
    assert error(thrice) < 1e-6
    assert error(thrice) < 5 * error(float32)
