"""Images per second of `sd15` and `ella-sd15` against plain diffusers and against ELLA's own way of calling.

    python -m benchmarks.generation.generate                     full size, random weights, nothing downloaded; wants a CUDA GPU
    python -m benchmarks.generation.generate --dtype float32     the same, to tell rounding from error in the latents
    python -m benchmarks.generation.generate --toy               toy sizes on a CPU, in under two minutes

All sides have the same weights, prompts, noise, scheduler and steps, take turns, and end with RGB images in memory.
Each works as it offers: plain diffusers on whole batches, ELLA's own way on one prompt with its images at a time.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from benchmarks.generation.authors_ella import AuthorsElla
from benchmarks.generation.parts import BASE_WEIGHTS, Parts, full_parts, toy_parts
from benchmarks.material import made_up_prompt
from benchmarks.measuring import describe_machine
from dpg_bench.generate.base import GeneratorSettings, ImageRequest
from dpg_bench.generate.models.decode import decode_images
from dpg_bench.generate.models.ella import EllaGenerator, EllaOptions
from dpg_bench.generate.models.passes import noise_generators
from dpg_bench.generate.models.stable_diffusion import StableDiffusionGenerator
from dpg_bench.generate.models.unet import lay_out
from dpg_bench.hub.remarks import quiet_libraries

PLAIN, AUTHORS, AUTHORS_FLEXIBLE = "plain diffusers SD 1.5", "ELLA's own way, fixed", "ELLA's own way, flexible"
SD15, ELLA, ELLA_FLEXIBLE = "sd15", "ella-sd15, fixed", "ella-sd15, flexible"

COMPILED, WHOLE = ", compiled", ", whole batch"

Side = Callable[[], list[Any]]


@dataclass(frozen=True, slots=True)
class Work:
    """What every side makes: `requests`, in batches of `batch` where the side can."""

    requests: list[ImageRequest]
    batch: int
    settings: GeneratorSettings

    def batches(self) -> list[list[ImageRequest]]:
        return [self.requests[start : start + self.batch] for start in range(0, len(self.requests), self.batch)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="toy sizes on a CPU")
    parser.add_argument("--dtype", default="float16", choices=["float16", "bfloat16", "float32"])
    parser.add_argument("--batch", type=int, default=32, help="images at once, of four per prompt")
    parser.add_argument("--images", type=int, help="per side and repeat; one batch by default, 16 of toys")
    parser.add_argument("--steps", type=int, help="50 by default, 10 of toys")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-compile", action="store_true", help="leave out the compiled sides")
    arguments = parser.parse_args()
    if not arguments.toy and not torch.cuda.is_available():
        parser.error("full size wants a CUDA GPU; --toy runs on a CPU.")
    device, dtype = ("cpu", "float32") if arguments.toy else ("cuda", arguments.dtype)
    if arguments.toy:
        torch.set_num_threads(1)
    settings = GeneratorSettings(
        "ella-sd15",
        EllaOptions(),
        size=64 if arguments.toy else 512,
        steps=arguments.steps or (10 if arguments.toy else 50),
        guidance=12.0,
        device=device,
        dtype=dtype,
    )
    work = Work(
        draw_requests(arguments.images or (16 if arguments.toy else arguments.batch)), arguments.batch, settings
    )
    print(describe_machine())
    print(
        f"{len(work.requests)} images of {settings.size} px, four per prompt, {settings.steps} steps, {dtype}, batches "
        f"of {min(work.batch, len(work.requests))}, median of {arguments.repeats} repeats in turn"
        f"{', CPU seconds of one thread' if arguments.toy else ''}\n"
    )
    with quiet_libraries():
        parts = toy_parts(settings) if arguments.toy else full_parts(settings)
        compare_latents(parts, work)
        sides = make_sides(parts, work, compiled=not (arguments.toy or arguments.no_compile))
        if arguments.toy:
            sides |= toy_sides(parts, work)
        report(measure(sides, parts, work, arguments.repeats), len(work.requests))


def draw_requests(images: int) -> list[ImageRequest]:
    """Prompts of 30 to 110 words, as long as DPG-Bench's, each with four seeds."""
    rng = random.Random(0)
    prompts = [made_up_prompt(rng) for _ in range(-(-images // 4))]
    return [ImageRequest(prompt, rng.randrange(2**63)) for prompt in prompts for _ in range(4)][:images]


def ella_generator(parts: Parts, settings: GeneratorSettings, length: str) -> EllaGenerator:
    return EllaGenerator(
        parts.ella, replace(settings, options=EllaOptions(length=length)), weights=BASE_WEIGHTS, cpu_images=4
    )


def sd15_generator(parts: Parts, settings: GeneratorSettings) -> StableDiffusionGenerator:
    return StableDiffusionGenerator(parts.base, settings, weights=BASE_WEIGHTS, cpu_images=4)


def authors(parts: Parts, settings: GeneratorSettings, *, flexible: bool) -> AuthorsElla:
    assert settings.size
    assert settings.steps
    return AuthorsElla(parts.ella, flexible=flexible, size=settings.size, steps=settings.steps, guidance=12.0)


def plain(parts: Parts, requests: list[ImageRequest], settings: GeneratorSettings, output_type: str) -> list[Any]:
    """The pipeline of diffusers as its documentation calls it."""
    images = parts.base(
        [request.prompt for request in requests],
        generator=noise_generators(requests),
        height=settings.size,
        width=settings.size,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        output_type=output_type,
    ).images
    return list(images)


def make_sides(parts: Parts, work: Work, *, compiled: bool) -> dict[str, Side]:
    settings = work.settings

    def batched(generator: Any) -> Side:
        return lambda: [image for batch in work.batches() for image in generator.generate(batch)]

    fixed, flexible = (authors(parts, settings, flexible=choice) for choice in (False, True))
    sides: dict[str, Side] = {
        PLAIN: lambda: [image for batch in work.batches() for image in plain(parts, batch, settings, "pil")],
        AUTHORS: lambda: fixed.make(work.requests),
        AUTHORS_FLEXIBLE: lambda: flexible.make(work.requests),
        SD15: batched(sd15_generator(parts, settings)),
        ELLA: batched(ella_generator(parts, settings, "fixed")),
        ELLA_FLEXIBLE: batched(ella_generator(parts, settings, "flexible")),
    }
    if compiled:
        long = replace(settings, compiled_batch=work.batch)
        sides[SD15 + COMPILED] = batched(sd15_generator(parts, long))
        sides[ELLA + COMPILED] = batched(ella_generator(parts, long, "fixed"))
    return sides


def toy_sides(parts: Parts, work: Work) -> dict[str, Side]:
    """Whole batches in one pass, as on a GPU; on a CPU `run` takes a prompt at a time, for the same bytes anywhere."""

    def whole(generator: EllaGenerator) -> Side:
        return lambda: [
            image for batch in work.batches() for image in decode_images(parts.ella, generator.latents(batch))
        ]

    return {
        ELLA + WHOLE: whole(ella_generator(parts, work.settings, "fixed")),
        ELLA_FLEXIBLE + WHOLE: whole(ella_generator(parts, work.settings, "flexible")),
    }


def compare_latents(parts: Parts, work: Work) -> None:
    """The final latents of one batch, both ways."""
    requests, settings = work.requests[: work.batch], work.settings
    for length in ("fixed", "flexible"):
        theirs = authors(parts, settings, flexible=length == "flexible").make(requests, output_type="latent")
        set_layout(parts, settings, ours=True)
        show_difference(
            f"ELLA, {length}", torch.stack(theirs), ella_generator(parts, settings, length).latents(requests)
        )
        set_layout(parts, settings, ours=False)
    theirs = plain(parts, requests, settings, "latent")
    set_layout(parts, settings, ours=True)
    show_difference("SD 1.5", torch.stack(theirs), sd15_generator(parts, settings).latents(requests))
    set_layout(parts, settings, ours=False)
    print()


def show_difference(name: str, theirs: torch.Tensor, ours: torch.Tensor) -> None:
    theirs, ours = theirs.cpu().double(), ours.cpu().double()
    assert theirs.isfinite().all()
    assert ours.isfinite().all()
    difference = (ours - theirs).abs()
    prompts = (ours[0] - ours[-1]).abs().mean()
    print(
        f"latents, {name}: largest difference {difference.max():.2e}, mean {difference.mean():.2e}; "
        f"deviation {theirs.std():.2f}, mean difference of two images {prompts:.2f}"
    )


def set_layout(parts: Parts, settings: GeneratorSettings, *, ours: bool) -> None:
    for pipeline in (parts.base, parts.ella):
        if ours:
            lay_out(pipeline, settings)
        else:
            pipeline.unet.to(memory_format=torch.contiguous_format)
            pipeline.vae.to(memory_format=torch.contiguous_format)


def measure(sides: dict[str, Side], parts: Parts, work: Work, repeats: int) -> dict[str, float]:
    """Median seconds of each side; the first round, which warms up and compiles, does not count.

    On a CPU they are seconds of the processor, which other programs on the machine disturb less.
    """
    clock = time.perf_counter if work.settings.device == "cuda" else time.process_time
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, side in sides.items():
            set_layout(parts, work.settings, ours=name not in (PLAIN, AUTHORS, AUTHORS_FLEXIBLE))
            start = clock()
            images = side()
            if work.settings.device == "cuda":
                torch.cuda.synchronize()
            spent = clock() - start
            assert len(images) == len(work.requests)
            if repeat:
                seconds[name].append(spent)
            print(f"round {repeat}{', which does not count' * (not repeat)}: {name} {spent:.1f} s", flush=True)
    return {name: statistics.median(spent) for name, spent in seconds.items()}


def report(seconds: dict[str, float], images: int) -> None:
    for name, median in seconds.items():
        print(f"{name:<36} {images / median:8.3f} images/s")
    print()
    pairs = [(ELLA, AUTHORS), (ELLA_FLEXIBLE, AUTHORS_FLEXIBLE)]
    if ELLA + WHOLE in seconds:  # on a CPU the ways of `run` and of plain diffusers differ by design: no ratio
        pairs += [(ELLA + WHOLE, AUTHORS), (ELLA_FLEXIBLE + WHOLE, AUTHORS_FLEXIBLE), (ELLA + WHOLE, PLAIN)]
    else:
        pairs += [(ELLA, PLAIN), (ELLA, SD15), (SD15, PLAIN)]
    if ELLA + COMPILED in seconds:
        pairs += [(ELLA + COMPILED, AUTHORS), (ELLA + COMPILED, SD15 + COMPILED), (SD15 + COMPILED, PLAIN)]
    goals = {AUTHORS: "at least 2", AUTHORS_FLEXIBLE: "at least 2"}
    for name, other in pairs:
        goal = "at least 1.3" if name.startswith(SD15) and other == PLAIN else goals.get(other, "at least 0.95")
        print(f"{name} / {other}: {seconds[other] / seconds[name]:.2f} (wanted: {goal})")


if __name__ == "__main__":
    main()
