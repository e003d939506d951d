"""The noun phrases of T2I-CompBench's attribute prompts, frozen: `prompts/t2i_compbench_phrases.json`.

    python benchmarks/suites/t2i_phrases.py FOLDER MODEL > prompts/t2i_compbench_phrases.json

FOLDER holds color_val.txt, shape_val.txt and texture_val.txt of T2I-CompBench's `examples/dataset`, MODEL is spaCy's English
pipeline as a module (`en_core_web_sm`). Needs spaCy, which the toolkit itself doesn't, so it is run in an environment of its own.
What is written are places in the texts, not the texts: begin and end of every phrase, prompt by prompt.

The procedure is that of `BLIPvqa_eval/BLIP_vqa.py` in Karine-Huang/T2I-CompBench at 1b70949.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

LEFT_OUT = ("top", "the side", "the left", "the right")


def main() -> None:
    folder, module = Path(sys.argv[1]), sys.argv[2]
    parser = importlib.import_module(module).load()
    found = {}
    for name in ("color", "shape", "texture"):
        content = (folder / f"{name}_val.txt").read_bytes()
        prompts = [line.strip() for line in content.decode().splitlines() if line.strip()]
        chunks = [[one for one in parser(prompt).noun_chunks if one.text not in LEFT_OUT] for prompt in prompts]
        found[name] = {
            "git_blob": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
            "spans": [[[one.start_char, one.end_char] for one in phrases] for phrases in chunks],
        }
    model = f"{module.replace('_', '-')} {version(module)}"
    content = {"parser": {"spacy": version("spacy"), "model": model}, "prompts": found}
    print(json.dumps(content, separators=(",", ":")))


if __name__ == "__main__":
    main()
