"""What `--device` and `--dtype` stand for."""

from __future__ import annotations

import pytest
import torch

from dpg_bench.device import DTYPES, TF32, TF32X3, resolve_device, resolve_dtype
from dpg_bench.errors import BadInputError

KNOWN = (*DTYPES, TF32, TF32X3)


def test_auto_is_float32_on_a_cpu_and_the_default_on_a_gpu() -> None:
    assert resolve_dtype("auto", "cpu", gpu_default="float16") == "float32"
    assert resolve_dtype("auto", "cuda:1", gpu_default="float16") == "float16"


def test_auto_is_float32_on_a_gpu_without_the_tf32_that_the_default_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", None)
    for capability, chosen in (((7, 5), "float32"), ((8, 0), TF32X3)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, found=capability: found)
        assert resolve_dtype("auto", "cuda", gpu_default=TF32X3, known=KNOWN) == chosen
    assert resolve_dtype("auto", "mps", gpu_default=TF32X3, known=KNOWN) == "float32"


def test_tf32_is_for_those_who_know_it() -> None:
    with pytest.raises(BadInputError, match=r"Unknown dtype 'tf32'.*Known: auto, bfloat16, float16, float32\."):
        resolve_dtype("tf32", "cuda", gpu_default="float16")


@pytest.mark.parametrize(
    ("device", "capability", "hip"),
    [("cpu", None, None), ("mps", None, None), ("cuda", (7, 5), None), ("cuda", (9, 4), "6")],
)
def test_tf32_is_refused_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, device: str, capability: tuple[int, int] | None, hip: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.version, "hip", hip)
    for dtype in (TF32, TF32X3):
        with pytest.raises(BadInputError, match=rf"precision {dtype} .* device is '{device}'\. Use dtype='float32'\."):
            resolve_dtype(dtype, device, gpu_default="float16", known=KNOWN)


def test_tf32_is_taken_from_ampere_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", None)
    for capability in ((8, 0), (8, 9), (9, 0), (12, 0)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, found=capability: found)
        assert resolve_dtype(TF32, "cuda:0", gpu_default="float16", known=KNOWN) == TF32


def test_a_second_processor_is_none() -> None:
    with pytest.raises(BadInputError, match="'cpu:7' names no device"):
        resolve_device("cpu:7")
