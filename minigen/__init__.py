"""minigen: learn how images are generated, with an autograd engine written from scratch.

``import minigen`` gives what ``import torch`` gives: tensors, their functions, and gradients.  Layers are in
`minigen.nn`, optimisers in `minigen.optim`, data sets in `minigen.data`, whole systems in `minigen.models`.
"""

from math import inf, nan, pi

from numpy import dtype

from minigen.backend import (
    Device as device,
)
from minigen.backend import (
    Generator,
    array_module,
    get_rng_state,
    manual_seed,
    set_rng_state,
    tune_allocator,
)
from minigen.creation import *  # noqa: F403
from minigen.dtypes import float16, float32, float64, int8, int16, int32, int64, promote_types, uint8
from minigen.engine import Function, grad
from minigen.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from minigen.namespace.choosing import *  # noqa: F403
from minigen.namespace.pointwise import *  # noqa: F403
from minigen.namespace.products import *  # noqa: F403
from minigen.namespace.reductions import *  # noqa: F403
from minigen.namespace.shapes import *  # noqa: F403
from minigen.oldnames import *  # noqa: F403
from minigen.parallel import get_num_threads, set_num_threads
from minigen.saving import load, save
from minigen.tensor import Tensor, result_type

bool, half, float, double, int, long = (
    dtype("bool"),
    float16,
    float32,
    float64,
    int32,
    int64,
)
inference_mode = no_grad
__version__ = "0.1.0"

from minigen import autograd, cuda, linalg, nn, optim  # noqa: E402  (their files use the names above)
from minigen.cuda import get_float32_matmul_precision, set_float32_matmul_precision  # noqa: E402
from minigen.summary import summary  # noqa: E402
