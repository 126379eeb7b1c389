"""The functions of `minigen.functional` under PyTorch's name: ``import minigen.nn.functional as F``."""

from minigen.functional import *  # noqa: F403
from minigen.functional import __all__ as __all__
