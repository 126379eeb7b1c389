"""Averages of weights over the steps of training, under PyTorch's names.

A network that learns from noisy gradients, or in a game, circles around the place it is looking for; the mean of the
places that it passed is often better than the last one.  The mean is taken beside the training: nobody learns from it.

References
----------
Polyak, Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992, SIAM J. Control Optim. 30(4).
Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018, arXiv:1803.05407.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import Any

from minigen.creation import tensor
from minigen.dtypes import int64
from minigen.modes import no_grad
from minigen.nn import Module
from minigen.tensor import Tensor

Average = Callable[[Tensor, Tensor, Tensor], Tensor]
MultiAverage = Callable[[list[Tensor], list[Tensor], Tensor], Any]


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverage:
    r"""Return the function that moves averages a little towards new values: the exponential moving average.

    .. math:: \bar w_t = \text{decay} \cdot \bar w_{t-1} + (1 - \text{decay}) \, w_t

    Parameters
    ----------
    decay : float, default 0.999
        In [0, 1].  What was seen ``1 / (1 - decay)`` steps ago counts 1/e of what is seen now: 1,000 steps for 0.999.

    Returns
    -------
    callable
        ``multi_avg_fn`` of `AveragedModel`: it takes the averages, the new values (lists of tensors) and the number of
        models averaged so far, which it has no use for, and writes into the averages.

    Raises
    ------
    ValueError
        If ``decay`` is not in [0, 1].

    Examples
    --------
    >>> import minigen
    >>> average = minigen.tensor([1.0])
    >>> get_ema_multi_avg_fn(0.9)([average], [minigen.tensor([2.0])], minigen.tensor(1))
    >>> average
    tensor([1.1])
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"get_ema_multi_avg_fn: decay must be in [0, 1], not {decay}; 0.999 is usual")

    def update(averages: list[Tensor], values: list[Tensor], n_averaged: Tensor) -> None:
        with no_grad():
            for average, value in zip(averages, values, strict=True):
                if average.is_floating_point():
                    average.lerp_(value, 1 - decay)
                else:
                    average.copy_(average * decay + value * (1 - decay))

    return update


class AveragedModel(Module):
    """A copy of a network whose weights are an average of those that the network had.

    Parameters
    ----------
    model : Module
        The network; it is copied, and never changed.
    device : str, optional
        Where the copy shall live, if elsewhere.
    avg_fn : callable, optional
        ``(average, value, n_averaged) -> average`` of one tensor.  By default the plain mean of all values seen.
    multi_avg_fn : callable, optional
        The same for lists of tensors, in place; see `get_ema_multi_avg_fn`.  Only one of both can be given.
    use_buffers : bool, default False
        Whether buffers (batch norm's running statistics) are averaged too; otherwise they are copied at each update.

    Attributes
    ----------
    module : Module
        The copy.
    n_averaged : Tensor
        The number of updates, int64.

    Raises
    ------
    AssertionError
        If both functions are given.

    Examples
    --------
    >>> import minigen
    >>> from minigen import nn
    >>> net = nn.Linear(1, 1, bias=False)
    >>> average = AveragedModel(net)
    >>> for weight in (1.0, 2.0, 6.0):
    ...     with minigen.no_grad():
    ...         _ = net.weight.fill_(weight)
    ...     average.update_parameters(net)
    >>> average(minigen.ones(1, 1)).item(), average.n_averaged.item()
    (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: str | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: MultiAverage | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("AveragedModel: give avg_fn or multi_avg_fn, not both; one of them would be ignored")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        if device is not None:
            self.to(device)
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers
        self._filled_at: int | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute with the averaged weights."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the present weights of the network into the average; the first time they are the average.

        Raises
        ------
        ValueError
            If ``model`` is not built like the one that was copied.
        """
        copies, originals = list(self.module.buffers()), list(model.buffers())
        averages: list[Tensor] = [*self.module.parameters(), *(copies if self.use_buffers else ())]
        values: list[Tensor] = [*model.parameters(), *(originals if self.use_buffers else ())]
        if [x.shape for x in chain(averages, copies)] != [x.shape for x in chain(values, originals)]:
            raise ValueError(
                f"AveragedModel: parameters and buffers of the {type(model).__name__} given differ in number or shape "
                f"from those of the {type(self.module).__name__} that was copied; give the network that is averaged"
            )
        with no_grad():
            moved = [value.detach().to(average.device) for average, value in zip(averages, values)]
            if self._empty():
                for average, value in zip(averages, moved):
                    average.copy_(value)
            else:
                self._average([average.detach() for average in averages], moved)
            if not self.use_buffers:
                for copy, original in zip(copies, originals):
                    copy.copy_(original.to(copy.device))
            self.n_averaged.add_(1)
        self._filled_at = self.n_averaged._version

    def _average(self, averages: list[Tensor], values: list[Tensor]) -> None:
        """Update averages in place: lists of one dtype each for `multi_avg_fn`, else one after the other."""
        if self.multi_avg_fn is not None:
            for dtype in dict.fromkeys(average.dtype for average in averages):
                places = [i for i, average in enumerate(averages) if average.dtype == dtype]
                self.multi_avg_fn([averages[i] for i in places], [values[i] for i in places], self.n_averaged)
            return
        avg_fn = self.avg_fn if self.avg_fn is not None else _mean
        for average, value in zip(averages, values):
            average.copy_(avg_fn(average, value, self.n_averaged))

    def _empty(self) -> bool:
        """Whether nothing was averaged yet; the device is asked only where others may have written the number."""
        return self.n_averaged._version != self._filled_at and int(self.n_averaged) == 0


def _mean(average: Tensor, value: Tensor, n_averaged: Tensor) -> Tensor:
    """Return the mean of ``n_averaged + 1`` values from that of the values before, and the new one."""
    return average + (value - average) / (n_averaged + 1)
