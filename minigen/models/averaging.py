"""The moving average of a generator's weights, with which the GANs draw if asked to.

The two players of a GAN circle around each other, and the last step is as good or bad as chance will have it.  The
mean of the generator's recent weights stands still in the middle, and often draws better than any one of them.  Nobody
learns from it: it looks on.

References
----------
Karras, Aila, Laine, Lehtinen, Progressive Growing of GANs for Improved Quality, Stability, and Variation, 2018,
arXiv:1710.10196 (appendix A.1: decay 0.999).
Yazici et al., The Unusual Effectiveness of Averaging in GAN Training, 2019, arXiv:1806.04498 (decay 0.9999).
"""

from __future__ import annotations

from minigen import nn
from minigen.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(network: nn.Module, decay: float) -> AveragedModel | None:
    """Return the exponential moving average of a network's weights, or None for a decay of 0.

    The system keeps it as a submodule, so that it is stored and moved with the rest, calls
    ``update_parameters(network)`` after each step of the network, and draws with it.  No optimizer has its weights.

    Parameters
    ----------
    network : Module
        The generator.  Its buffers, batch norm's running statistics, are copied as they are: they are moving averages
        already.
    decay : float
        In [0, 1): the average reaches back about ``1 / (1 - decay)`` steps.

    Raises
    ------
    ValueError
        If ``decay`` is not in [0, 1).

    Examples
    --------
    >>> network = nn.Linear(1, 1, bias=False)
    >>> average = moving_average(network, decay=0.75)
    >>> for weight in (0.0, 4.0):
    ...     _ = nn.init.constant_(network.weight, weight)
    ...     average.update_parameters(network)
    >>> average.module.weight.item()
    1.0
    """
    if not 0.0 <= decay < 1.0:
        raise ValueError(
            f"the decay of a moving average (option ema) must be in [0, 1), not {decay}: 1 would never move; "
            "0 is without, 0.999 is usual"
        )
    if decay == 0.0:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
