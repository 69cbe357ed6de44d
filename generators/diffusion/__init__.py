"""Diffusion models as generators: a code is the noise that a deterministic sampler starts from."""
