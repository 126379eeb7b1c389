"""Random layers: dropout.

The mask is drawn on the host from minigen's one seeded source, so a run starts alike on every device.  Noise
for sampling (``randn``) is a creation function of tensors; augmentation of images belongs to `minigen.data`.
"""

from __future__ import annotations

import numpy as np

import minigen.backend as backend
from minigen.functional.arguments import check_floating, check_number
from minigen.tensor import Tensor


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to zero with probability ``p`` and divide the others by 1 - p.

    Parameters
    ----------
    input : Tensor
        Of any shape.
    p : float, default 0.5
        The probability of dropping an element, in [0, 1].
    training : bool, default True
        False returns ``input`` as it is.
    inplace : bool, default False
        Accepted for PyTorch's sake and ignored: the result is the same, memory is not shared.

    Returns
    -------
    Tensor
        Of the shape of ``input``.  Its expectation is ``input`` ("inverted" dropout): nothing is to be
        rescaled in evaluation.

    Raises
    ------
    ValueError
        If p is outside [0, 1].

    Notes
    -----
    y = m x with a mask m of zeros and 1 / (1 - p), so dL/dx = m dL/dy with the same mask: it is drawn once,
    in the forward pass.  One number is drawn for each element, in the order of the indices, whatever the
    memory layout and dtype of ``input`` are.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.

    Examples
    --------
    >>> import minigen
    >>> _ = minigen.manual_seed(0)
    >>> y = dropout(minigen.ones(1000), p=0.25)
    >>> sorted(set(y.tolist())) == [0.0, minigen.tensor(1 / 0.75).item()]
    True
    """
    check_floating("dropout", input=input)
    p = check_number("dropout", "p", p, low=0.0, high=1.0)
    if not training or p == 0:
        return input
    kept = np.asarray(backend.generator.numpy.random(input.shape, dtype=np.float32) >= p)
    mask = backend.array_module(input.array).empty_like(input.array)  # in the memory layout of x
    mask[...] = backend.to_device(kept, input.device)
    if p < 1:
        mask *= 1 / (1 - p)
    return input * input._wrap(mask)
