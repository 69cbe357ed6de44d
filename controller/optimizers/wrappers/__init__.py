"""Optimizers around optimizers: within norms, in a subspace, with frozen genes, side by side."""
