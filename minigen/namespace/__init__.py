"""Functions of tensors under PyTorch's names: ``minigen.exp(x)`` beside ``x.exp()``.  One file a family.

Most only call the method, and accept a number or an array where PyTorch does; those of several tensors (cat, stack,
where, einsum) are at home here.
"""

from minigen.namespace.choosing import *  # noqa: F403
from minigen.namespace.pointwise import *  # noqa: F403
from minigen.namespace.products import *  # noqa: F403
from minigen.namespace.reductions import *  # noqa: F403
from minigen.namespace.shapes import *  # noqa: F403
