"""How the U-Net is laid out and compiled on a GPU; on any other device it is left as it was loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dpg_bench.generate.base import GeneratorSettings

logger = logging.getLogger(__name__)

LEAST_STEPS = 2000
"""U-Net calls on full batches from which `compile=auto` compiles: minutes of work, against about one of compiling."""


class SwitchedUNet:
    """A pipeline's U-Net, compiled for full batches alone.

    Compiled code is made for one shape. What has another (the last batch of a run, the halves of one that didn't fit,
    items tried again alone) goes through the U-Net as it is rather than wait for a second compilation.
    """

    def __init__(
        self, pipeline: Any, *, compiled_batch: int | None, backend: str | Callable[..., Any] = "inductor"
    ) -> None:
        self._pipeline = pipeline
        self._batch = compiled_batch
        self._plain = pipeline.unet
        self._compiled = None
        if compiled_batch is not None:
            import torch

            self._compiled = torch.compile(pipeline.unet, backend=backend, dynamic=False)

    @contextmanager
    def for_batch(self, images: int) -> Iterator[None]:
        """Within, the pipeline has the U-Net that suits a batch of `images`.

        If compiling fails, that is logged once, and all batches after go uncompiled.
        """
        if self._compiled is None or images != self._batch:
            yield
            return
        from torch._dynamo.exc import TorchDynamoException

        self._pipeline.unet = self._compiled
        try:
            yield
        except TorchDynamoException as error:
            self._compiled = None
            cause = (str(error).strip() or type(error).__name__).splitlines()[0]
            logger.warning("The U-Net can't be compiled here (%s); going on without.", cause)
            raise
        finally:
            self._pipeline.unet = self._plain


def lay_out(pipeline: Any, settings: GeneratorSettings[Any]) -> None:
    """Store convolution weights channels last on a CUDA GPU in half precision, as its tensor cores read them."""
    import torch

    offloaded = getattr(settings.options, "offload", None) is not None
    if is_cuda(settings.device) and settings.dtype != "float32" and not offloaded:
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)


def compiled_batch(settings: GeneratorSettings[Any], *, batch_size: int, images: int) -> int | None:
    """The batch size to compile for in a run of so many `images`; `None` if compiling is off or would not pay."""
    offloaded = getattr(settings.options, "offload", None) is not None  # which moves parts while compiled code runs
    if getattr(settings.options, "compile", "off") != "auto" or not is_cuda(settings.device) or offloaded:
        return None
    steps = images // batch_size * (settings.steps or 0)
    return batch_size if steps >= LEAST_STEPS else None


def is_cuda(device: str) -> bool:
    """Whether `device`, a name that torch knows, is a CUDA GPU."""
    return device.startswith("cuda")
