"""CLIP, the judge of T2I-CompBench's non-spatial prompts: `clip`."""
