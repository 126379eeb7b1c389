"""Measurements: speed and memory beside PyTorch, how far gradients can be trusted, what the systems reach on data."""
