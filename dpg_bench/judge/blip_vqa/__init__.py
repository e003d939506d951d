"""BLIP-VQA, the attribute judge of T2I-CompBench: `blip-vqa`."""
