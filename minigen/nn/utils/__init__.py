"""Helpers around parameters: as one vector, their gradients clipped, their values computed from others.

`parametrize` says how a weight is computed from what is learnt; `parametrizations` holds the two that image
models use, spectral and weight normalisation, which also stand here with the older names of their state.
"""

from minigen.nn.utils import parametrizations, parametrize
from minigen.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_
from minigen.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from minigen.nn.utils.prehooks import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_spectral_norm",
    "remove_weight_norm",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
