"""ELLA's forms of diffusers' Stable Diffusion 1.5 pipelines."""
