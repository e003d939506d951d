"""The reference's side of the judge's benchmarks: modelscope's own mPLUG class, asked as the official script asks it.

    .venv-bench/bin/python benchmarks/judge/reference_mplug.py JOB.json ANSWERS.json     (environment: make bench-env)

JOB.json: {"checkpoint": folder, "device": "cpu" or "cuda", "asked": [[image file, question], …]}. Each question is one
call, and the image is encoded for it. ANSWERS.json: {"answers": [text, …], "seconds": [of each call, …],
"processor": [processor seconds of each call, …]}.

modelscope's module of preprocessors imports a dozen packages that mPLUG doesn't need (decord, librosa, cv2, …), so what
its `MPlugPreprocessor` does is written out here: Pillow's bicubic, CLIP's mean and deviation, BERT's tokenizer padded
to 25. It is a thousandth of the time.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image

MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)


def load(folder: str, device: str) -> torch.nn.Module:
    """The model of modelscope for the checkpoint in `folder`."""
    # Only the video model next to mPLUG uses timm, and of it one function.
    names = ("timm", "timm.models", "timm.models.layers")
    sys.modules |= {name: module_from_spec(ModuleSpec(name, None)) for name in names}
    sys.modules["timm.models.layers"].trunc_normal_ = torch.nn.init.trunc_normal_  # type: ignore[attr-defined]
    from modelscope.models.multi_modal.mplug_for_all_tasks import MPlugForAllTasks

    model: torch.nn.Module = MPlugForAllTasks(folder, task="visual-question-answering")
    return model.to(device).eval()


def pixels(file: str, size: int) -> torch.Tensor:
    """The model's input (1, 3, size, size)."""
    image = Image.open(file).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy((np.asarray(image, np.float32) / 255 - MEAN) / STD).permute(2, 0, 1)[None]


def main(job_file: str, answers_file: str) -> None:
    job = json.loads(Path(job_file).read_text())
    device = job["device"]
    model = load(job["checkpoint"], device)
    tokenizer = transformers.BertTokenizer.from_pretrained(job["checkpoint"])
    size = model.model.config.image_res
    answers, seconds, processor = [], [], []
    with torch.no_grad():
        for file, question in job["asked"]:
            start, started = time.perf_counter(), time.process_time()
            tokens = tokenizer(
                question.lower(), padding="max_length", truncation=True, max_length=25, return_tensors="pt"
            )
            output = model({"image": pixels(file, size).to(device), "question": tokens.to(device)})
            answers.append(output["text"].strip())
            seconds.append(time.perf_counter() - start)
            processor.append(time.process_time() - started)
    Path(answers_file).write_text(json.dumps({"answers": answers, "seconds": seconds, "processor": processor}))


if __name__ == "__main__":
    main(*sys.argv[1:])
