r"""Spectral and weight normalisation: a weight divided by a norm of itself, at each use.

Spectral normalisation divides by the largest singular value sigma, so that a layer stretches no direction by more
than 1: a discriminator made of such layers is Lipschitz, which is what keeps it from running away.  Weight
normalisation splits a weight into a direction and a length, which then are learnt apart.

Gradients flow through the division.  With W the weight as a matrix, sigma = u^T W v for its first singular vectors u
and v, which count as constants: by the power iteration they follow W, and the derivative of sigma with respect to
them vanishes where they are right.

Not here: how ``module.weight`` comes to be computed (`minigen.nn.utils.parametrize`).
"""

from __future__ import annotations

from minigen.arguments import one_axis
from minigen.functional.arguments import check_integer, check_number
from minigen.functional.rescale import normalize
from minigen.modes import no_grad
from minigen.nn.conv import ConvTranspose1d, ConvTranspose2d
from minigen.nn.module import Module
from minigen.nn.utils.parametrize import register_parametrization
from minigen.tensor import Tensor

FIRST_ITERATIONS = 15  # of the power method, before the first use; as in PyTorch


# --- spectral normalisation -----------------------------------------------------------------------------------


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Put the axis ``dim`` first and join all others: (O, C, KH, KW) -> (O, C*KH*KW) for dim 0."""
    return weight.permute(dim, *(i for i in range(weight.ndim) if i != dim)).flatten(1)


@no_grad()
def power_iteration(matrix: Tensor, u: Tensor, v: Tensor, steps: int, eps: float) -> None:
    """Bring u and v closer to the first singular vectors, in place: u <- W v / |W v|, v <- W^T u / |W^T u|."""
    for _ in range(steps):
        u.copy_(normalize(matrix @ v, dim=0, eps=eps))
        v.copy_(normalize(matrix.T @ u, dim=0, eps=eps))


def singular_vectors(weight: Tensor, dim: int, eps: float) -> tuple[Tensor, Tensor]:
    """Draw two random unit vectors and let them approach the first singular vectors of a weight."""
    matrix = as_matrix(weight.detach(), dim)
    u, v = (normalize(matrix.new_zeros(n).normal_(), dim=0, eps=eps) for n in matrix.shape)
    power_iteration(matrix, u, v, FIRST_ITERATIONS, eps)
    return u, v


def divide_by_sigma(weight: Tensor, u: Tensor, v: Tensor, dim: int) -> Tensor:
    """Return W / (u^T W v).  u and v are copied: the next iteration writes to them before this one's backward."""
    return weight / (u.clone() @ (as_matrix(weight, dim) @ v.clone()))


def output_axis(module: Module, dim: int | None, ndim: int) -> int:
    """Return the axis of a layer's weight that counts its outputs: the second in a transposed convolution."""
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d)) else 0
    return one_axis("spectral_norm", dim, ndim)


class _SpectralNorm(Module):
    """Weight / sigma, with u and v as buffers; a weight of one axis is divided by its length."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        self.n_power_iterations, self.dim, self.eps = n_power_iterations, dim, eps
        if weight.ndim > 1:
            u, v = singular_vectors(weight, dim, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        """Divide by the largest singular value; in training only after a step of the power method."""
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        if self.training:
            power_iteration(as_matrix(weight.detach(), self.dim), self._u, self._v, self.n_power_iterations, self.eps)
        return divide_by_sigma(weight, self._u, self._v, self.dim)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The original of a weight is that weight."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    r"""Divide a layer's weight, at each use, by its largest singular value.

    .. math:: W_{SN} = W / \sigma(W), \qquad \sigma(W) = \max_{x} |W x| / |x| = u^T W v

    Parameters
    ----------
    module : Module
        The layer, which is changed.
    name : str, default "weight"
        Its parameter; of several axes it counts as the matrix (outputs, all else).
    n_power_iterations : int, default 1
        Steps of the power method at each use in training; in evaluation there is none.
    eps : float, default 1e-12
        The least length that a vector is divided by.
    dim : int, optional
        The axis of the outputs; by default 0, and 1 in a transposed convolution.

    Returns
    -------
    Module
        The same module; its state has ``parametrizations.weight.original`` and, under ``parametrizations.weight.0``,
        ``_u`` and ``_v``.

    Raises
    ------
    ValueError, TypeError, IndexError
        If there is no such parameter, a number is out of range, or there is no such axis.

    Notes
    -----
    u and v are constants to the derivative: dL/dW = (G - <G, W_SN> u v^T) / sigma with G = dL/dW_SN.  In training
    each use moves them; each use has its own copies, so forward(real), forward(fake), backward is right.

    References
    ----------
    Miyato et al. (2018), "Spectral normalization for generative adversarial networks", ICLR, algorithm 1.

    Examples
    --------
    >>> from minigen import nn
    >>> layer = spectral_norm(nn.Conv2d(3, 8, 4, 2, 1))
    >>> list(layer.state_dict())[1:]
    ['parametrizations.weight.original', 'parametrizations.weight.0._u', 'parametrizations.weight.0._v']
    """
    steps, eps = check_spectral(n_power_iterations, eps)
    weight = parameter_of("spectral_norm", module, name)
    return register_parametrization(
        module, name, _SpectralNorm(weight, steps, output_axis(module, dim, weight.ndim), eps)
    )


def check_spectral(n_power_iterations: int, eps: float) -> tuple[int, float]:
    """Check the numbers of spectral normalisation."""
    return (
        check_integer("spectral_norm", "n_power_iterations", n_power_iterations),
        check_number("spectral_norm", "eps", eps, low=0.0),
    )


def parameter_of(owner: str, module: Module, name: str) -> Tensor:
    """Return a tensor of a module that is to be normalised, or raise with its name."""
    if not isinstance(module, Module):
        raise TypeError(f"{owner}: module must be an nn.Module, not a {type(module).__name__}")
    weight = getattr(module, name, None) if isinstance(name, str) else None
    if not isinstance(weight, Tensor):
        raise ValueError(f"{owner}: {type(module).__name__} has no parameter {name!r}")
    return weight


# --- weight normalisation -------------------------------------------------------------------------------------


def norm_except(weight: Tensor, dim: int | None) -> Tensor:
    """Return the length of each slice along ``dim``, axes kept; for None that of the whole, without axes."""
    squares = weight * weight
    if dim is None:
        squares = squares.sum()
    elif weight.ndim > 1:  # in a vector, each number is a slice of its own
        squares = squares.sum(tuple(i for i in range(weight.ndim) if i != dim), keepdim=True)
    return squares.sqrt()


def kept_axis(dim: int | None, ndim: int) -> int | None:
    """Return the axis whose slices keep their own length; None and -1 stand for none, as in PyTorch."""
    return None if dim is None or dim == -1 else one_axis("weight_norm", dim, ndim)


class _WeightNorm(Module):
    """Length times direction: g * v / |v|."""

    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Give the direction v the length g."""
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Split a weight into its lengths and itself."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    r"""Learn the length and the direction of a layer's weight apart: ``w = g * v / |v|``.

    Parameters
    ----------
    module : Module
        The layer, which is changed.
    name : str, default "weight"
        Its parameter.
    dim : int or None, default 0
        The axis each of whose slices has a length of its own (0: one an output); None: one length for all.

    Returns
    -------
    Module
        The same module; its state has ``parametrizations.weight.original0`` (g) and ``original1`` (v).

    Raises
    ------
    ValueError, TypeError, IndexError
        If there is no such parameter or no such axis.

    Notes
    -----
    dL/dg = <G, v> / |v| and dL/dv = g / |v| * (G - v <G, v> / |v|^2): the gradient of v is perpendicular to v.

    References
    ----------
    Salimans and Kingma (2016), "Weight normalization: a simple reparameterization to accelerate training of deep
    neural networks", NeurIPS, section 2.

    Examples
    --------
    >>> from minigen import nn
    >>> layer = weight_norm(nn.Linear(3, 2))
    >>> layer.parametrizations.weight.original0.shape
    (2, 1)
    """
    weight = parameter_of("weight_norm", module, name)
    return register_parametrization(module, name, _WeightNorm(kept_axis(dim, weight.ndim)))
