"""Measurements: speed and memory against PyTorch, and what the systems reach on real data."""
