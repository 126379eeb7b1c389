r"""Jacobians and Hessians of functions, and their products with vectors.

A function :math:`y = f(x)` with n inputs and m outputs has the Jacobian :math:`J = \partial y / \partial x`, of m rows
and n columns.  One walk back through the graph does not give J but a row vector times J,

.. math:: \mathrm{vjp}(v) = v^T J,

at about the price of computing f.  All else follows from that.  The whole matrix is m walks, one for each unit vector
v (`jacobian`).  A product from the other side, :math:`J u`, is found by differentiating twice: :math:`v^T J` is a
*linear* function of v, so its derivative with respect to v is J itself, and

.. math:: J u = \frac{\partial}{\partial v} \langle v^T J, u \rangle

whatever v is (`jvp`).  The Hessian is the Jacobian of the gradient; `hessian`, `hvp` and `vhp` are written just so.

Nothing here is about parameters and training; functions are given, and differentiated with respect to their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minigen.arguments import check_callable
from minigen.creation import ones_like, zeros_like
from minigen.engine import grad
from minigen.modes import enable_grad, set_grad_enabled
from minigen.namespace import stack
from minigen.tensor import Tensor

Tensors = Tensor | tuple[Tensor, ...]
Func = Callable[..., Any]


def vjp(
    func: Func, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""Return ``func(*inputs)`` and the product of a vector with the Jacobian, :math:`v^T J`.

    Parameters
    ----------
    func : callable
        Takes Tensors, returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to differentiate; floating-point, of any shapes.
    v : Tensor or tuple of Tensor, optional
        Of the outputs' shapes; may be left out for a single output of one element (then 1).
    create_graph : bool, default False
        Record the computation, so that the results can be differentiated again.
    strict : bool, default False
        Raise where something does not depend on an input, instead of returning zeros.

    Returns
    -------
    outputs : Tensor or tuple of Tensor
        ``func(*inputs)``.
    product : Tensor or tuple of Tensor
        :math:`\sum_k v_k \, \partial y_k / \partial x`, of the shapes of ``inputs``.

    Raises
    ------
    TypeError
        If inputs, outputs or v are no Tensors.
    ValueError
        If v does not have the outputs' number and shapes.
    RuntimeError
        If v is missing and the output is not one number, or ``strict`` finds an independence.

    Notes
    -----
    This is what one walk back computes, for a scalar loss with v = 1.  See the top of `minigen.autograd.functional`.

    Examples
    --------
    >>> import minigen
    >>> y, product = vjp(lambda x: x**2, minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 10.0]))
    >>> y.tolist(), product.tolist()
    ([1.0, 4.0], [2.0, 40.0])
    """
    return _vjp("vjp", func, inputs, v, create_graph, strict)


def jvp(
    func: Func, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""Return ``func(*inputs)`` and the product of the Jacobian with a vector, :math:`J v`.

    That is how the outputs change when the inputs move a little in the direction v.

    Parameters
    ----------
    func : callable
        Takes Tensors, returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to differentiate; floating-point, of any shapes.
    v : Tensor or tuple of Tensor, optional
        The direction, of the inputs' shapes; may be left out for a single input of one element (then 1).
    create_graph, strict : bool, default False
        As for `vjp`.

    Returns
    -------
    outputs, product : Tensor or tuple of Tensor
        ``func(*inputs)`` and :math:`J v`, of the same shapes.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As for `vjp`, with v of the inputs' number and shapes.

    Notes
    -----
    The double-backward trick: :math:`g(w) = w^T J` is what the walk back computes, and it is linear in the weights w.
    So :math:`\partial g / \partial w = J^T`, and walking back through g with the weights v gives :math:`J v`.  What w
    is does not matter; it is zero here.

    References
    ----------
    Townsend (2017), "A new trick for calculating Jacobian vector products", j-towns.github.io.

    Examples
    --------
    >>> import minigen
    >>> _, product = jvp(lambda x: x * x.sum(), minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 0.0]))
    >>> product.tolist()
    [4.0, 2.0]
    """
    return _jvp("jvp", func, inputs, v, create_graph, strict)


def jacobian(
    func: Func, inputs: Tensors, create_graph: bool = False, strict: bool = False, vectorize: bool = False
) -> Any:
    r"""Return the matrix of all derivatives, :math:`J_{ij} = \partial y_i / \partial x_j`.

    Parameters
    ----------
    func : callable
        Takes Tensors, returns a Tensor or a tuple of Tensors.
    inputs : Tensor or tuple of Tensor
        Where to differentiate; floating-point, of any shapes.
    create_graph, strict : bool, default False
        As for `vjp`.
    vectorize : bool, default False
        Accepted for PyTorch's sake and ignored: the rows are computed one after another.

    Returns
    -------
    Tensor or tuple
        Of shape (\*output.shape, \*input.shape); for a tuple of inputs a tuple of these; for a tuple of outputs a
        tuple of whatever a single one would give.

    Raises
    ------
    TypeError
        If inputs or outputs are no Tensors.
    RuntimeError
        If ``strict`` finds that an output does not depend on an input.

    Notes
    -----
    One walk back for each element of the outputs, so this is for small functions.  Where J is only to be multiplied
    with a vector, `vjp` and `jvp` do it at the price of one or two walks.

    Examples
    --------
    >>> import minigen
    >>> jacobian(lambda x: x**2, minigen.tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    return _jacobian("jacobian", func, inputs, create_graph, strict)


def hessian(
    func: Func, inputs: Tensors, create_graph: bool = False, strict: bool = False, vectorize: bool = False
) -> Any:
    r"""Return the matrix of all second derivatives of a scalar function.

    .. math:: H_{ij} = \partial^2 f / \partial x_i \, \partial x_j

    Parameters
    ----------
    func : callable
        Takes Tensors, returns a Tensor of one element.
    inputs : Tensor or tuple of Tensor
        Where to differentiate; floating-point, of any shapes.
    create_graph, strict : bool, default False
        As for `vjp`.
    vectorize : bool, default False
        Accepted for PyTorch's sake and ignored.

    Returns
    -------
    Tensor or tuple of tuple of Tensor
        Of shape (\*input.shape, \*input.shape); for a tuple of inputs, entry [i][j] holds the derivatives with respect
        to inputs i and j.

    Raises
    ------
    TypeError, RuntimeError
        As for `jacobian`, and if the function does not return one number.

    Notes
    -----
    The Jacobian of the gradient.  Where f is twice continuously differentiable it is symmetric.

    Examples
    --------
    >>> import minigen
    >>> hessian(lambda x: x[0] ** 2 * x[1], minigen.tensor([1.0, 3.0])).tolist()
    [[6.0, 2.0], [2.0, 0.0]]
    """
    gradient = _Gradient("hessian", func, inputs, strict)
    return _jacobian("hessian", gradient, inputs, create_graph, strict, of=gradient.entries)


def vhp(
    func: Func, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""Return the value of a scalar function and the product of a vector with its Hessian, :math:`v^T H`.

    Parameters
    ----------
    func : callable
        Takes Tensors, returns a Tensor of one element.
    inputs : Tensor or tuple of Tensor
        Where to differentiate; floating-point, of any shapes.
    v : Tensor or tuple of Tensor, optional
        Of the inputs' shapes; may be left out for a single input of one element (then 1).
    create_graph, strict : bool, default False
        As for `vjp`.

    Returns
    -------
    output : Tensor
        ``func(*inputs)``.
    product : Tensor or tuple of Tensor
        Of the shapes of ``inputs``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As for `vjp`, and if the function does not return one number.

    Notes
    -----
    `vjp` of the gradient: two walks back, where `hvp` takes three; H is symmetric, so the result is the same.

    Examples
    --------
    >>> import minigen
    >>> _, product = vhp(lambda x: (x**3).sum(), minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 1.0]))
    >>> product.tolist()
    [6.0, 12.0]
    """
    gradient = _Gradient("vhp", func, inputs, strict)
    _, product = _vjp("vhp", gradient, inputs, v, create_graph, strict, of=gradient.entries)
    return gradient.value(create_graph), product


def hvp(
    func: Func, inputs: Tensors, v: Tensors | None = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""Return the value of a scalar function and the product of its Hessian with a vector, :math:`H v`.

    That is how the gradient changes when the inputs move a little in the direction v.

    Parameters
    ----------
    func : callable
        Takes Tensors, returns a Tensor of one element.
    inputs : Tensor or tuple of Tensor
        Where to differentiate; floating-point, of any shapes.
    v : Tensor or tuple of Tensor, optional
        The direction, of the inputs' shapes; may be left out for a single input of one element (then 1).
    create_graph, strict : bool, default False
        As for `vjp`.

    Returns
    -------
    output : Tensor
        ``func(*inputs)``.
    product : Tensor or tuple of Tensor
        Of the shapes of ``inputs``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As for `vjp`, and if the function does not return one number.

    Notes
    -----
    `jvp` of the gradient.  For functions that are twice continuously differentiable `vhp` gives the same for less.

    References
    ----------
    Pearlmutter (1994), "Fast exact multiplication by the Hessian", Neural Computation 6.

    Examples
    --------
    >>> import minigen
    >>> value, product = hvp(lambda x: (x**3).sum(), minigen.tensor([1.0, 2.0]), minigen.tensor([1.0, 0.0]))
    >>> value.item(), product.tolist()
    (9.0, [6.0, 0.0])
    """
    gradient = _Gradient("hvp", func, inputs, strict)
    _, product = _jvp("hvp", gradient, inputs, v, create_graph, strict, of=gradient.entries)
    return gradient.value(create_graph), product


# --- how ----------------------------------------------------------------------------------------------------


def _vjp(name, func, inputs, v, create_graph, strict, of="output {}") -> tuple[Any, Any]:
    with enable_grad():
        xs = _prepared(_as_tuple(name, "inputs", inputs), create_graph, requires_grad=True)
        outputs, ys = _call(name, func, xs, strict, of)
    weights = _direction(name, v, ys, "output", create_graph)
    grads = _gradients(ys, xs, weights, create_graph)
    products = _filled(name, grads, xs, strict, create_graph, "the outputs do not depend on input {}")
    return _finished(outputs, create_graph), _unpacked(_finished(products, create_graph), inputs)


def _jvp(name, func, inputs, v, create_graph, strict, of="output {}") -> tuple[Any, Any]:
    with enable_grad():
        xs = _prepared(_as_tuple(name, "inputs", inputs), create_graph, requires_grad=True)
        direction = _direction(name, v, xs, "input", create_graph)
        outputs, ys = _call(name, func, xs, strict, of)
        weights = tuple(zeros_like(y).requires_grad_() for y in ys)
    grads = _gradients(ys, xs, weights, create_graph=True)  # v^T J as a function of v, which is linear
    if strict:
        _filled(name, grads, xs, strict, False, "the outputs do not depend on input {}")
    products = _filled(
        name, _gradients(grads, weights, direction, create_graph), ys, strict, create_graph, of + " depends on no input"
    )
    return _finished(outputs, create_graph), _unpacked(_finished(products, create_graph), outputs)


def _jacobian(name, func, inputs, create_graph, strict, of="output {}") -> Any:
    with enable_grad():
        xs = _prepared(_as_tuple(name, "inputs", inputs), create_graph, requires_grad=True)
        outputs, ys = _call(name, func, xs, strict, of)
    blocks = []
    for k, y in enumerate(ys):
        rows = []
        for i in range(y.numel()):
            unit = y.new_zeros(y.numel())
            unit.array[i] = 1
            grads = _gradients((y,), xs, (unit.reshape(y.shape),), create_graph, retain_graph=True)
            rows.append(_filled(name, grads, xs, strict, create_graph, of.format(k) + " does not depend on input {}"))
        with set_grad_enabled(create_graph):
            block = tuple(_matrix([row[j] for row in rows], y, x) for j, x in enumerate(xs))
        blocks.append(_unpacked(block, inputs))
    return _unpacked(tuple(blocks), outputs)


def _matrix(rows: list[Tensor], y: Tensor, x: Tensor) -> Tensor:
    """Join the rows, each of the shape of x and one for each element of y: (*y.shape, *x.shape)."""
    joined = stack(rows) if rows else x.new_zeros((0, *x.shape))
    return joined.reshape((*y.shape, *x.shape))


class _Gradient:
    """The gradient of a scalar function, as a function; remembers the value that it met on the way."""

    def __init__(self, name: str, func: Func, inputs: Any, strict: bool) -> None:
        self.name, self.func, self.strict = name, func, strict
        self.inputs = inputs
        self.entries = "the gradient with respect to input {}"
        self.output: Any = None

    def __call__(self, *xs: Tensor) -> Tensors:
        output, ys = _call(self.name, self.func, xs, self.strict, "the output")
        if not isinstance(output, Tensor) or output.numel() != 1:
            what = f"a tensor of shape {output.shape}" if isinstance(output, Tensor) else f"{len(ys)} outputs"
            raise RuntimeError(
                f"{self.name}: second derivatives are those of one number, but the function returned {what}; "
                "reduce it first (.sum() or .mean())"
            )
        self.output = output
        grads = _gradients(ys, xs, (ones_like(output),), create_graph=True)
        filled = _filled(self.name, grads, xs, self.strict, False, "the output does not depend on input {}")
        return _unpacked(filled, self.inputs)

    def value(self, create_graph: bool) -> Tensor:
        """Return the function's value at the last call."""
        return self.output if create_graph else self.output.detach()


def _as_tuple(name: str, what: str, values: Any) -> tuple[Tensor, ...]:
    """Accept a Tensor or a tuple of them."""
    given = values if isinstance(values, tuple) else (values,)
    for i, value in enumerate(given):
        if not isinstance(value, Tensor):
            which = f"number {i} of {what}" if isinstance(values, tuple) else what
            raise TypeError(f"{name}: {which} is a {type(value).__name__}; a Tensor or a tuple of Tensors is wanted")
    if not given:
        raise ValueError(f"{name}: {what} is an empty tuple; at least one Tensor is wanted")
    return given


def _unpacked(values: tuple, like: Any) -> Any:
    """Return a tuple where ``like`` is one, else the only element."""
    return values if isinstance(like, tuple) else values[0]


def _prepared(tensors: tuple[Tensor, ...], create_graph: bool, requires_grad: bool) -> tuple[Tensor, ...]:
    """Stand-ins for tensors: outside their graph, or (where more derivatives are to come) in it."""
    return tuple(
        x.clone() if create_graph and x.requires_grad else x.detach().requires_grad_(requires_grad) for x in tensors
    )


def _call(name: str, func: Func, xs: tuple[Tensor, ...], strict: bool, of: str) -> tuple[Any, tuple[Tensor, ...]]:
    """Return ``func(*xs)`` as it is, and as a tuple."""
    check_callable(name, "func", func)
    outputs = func(*xs)
    ys = _as_tuple(name, "what the function returns", outputs)
    for k, y in enumerate(ys):
        if strict and not y.requires_grad:
            raise RuntimeError(f"{name}: {of.format(k)} depends on no input, which strict=True refuses")
    return outputs, ys


def _direction(name: str, v: Any, like: tuple[Tensor, ...], what: str, create_graph: bool) -> tuple[Tensor, ...]:
    """Check v against the tensors whose shapes it must have; without it, 1 for a single number."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            shapes = ", ".join(str(x.shape) for x in like)
            raise RuntimeError(
                f"{name}: v may be left out only for a single {what} of one element; here the shapes are {shapes}, "
                "and v must have the same"
            )
        return (ones_like(like[0]),)
    given = _as_tuple(name, "v", v)
    if len(given) != len(like):
        raise ValueError(f"{name}: v holds {len(given)} tensors, but there are {len(like)} {what}s; give one for each")
    for i, (u, x) in enumerate(zip(given, like, strict=True)):
        if u.shape != x.shape or u.dtype != x.dtype:
            raise ValueError(f"{name}: v for {what} {i} is {u.shape} {u.dtype}, but that {what} is {x.shape} {x.dtype}")
    return _prepared(given, create_graph, requires_grad=False)


def _gradients(
    outputs: Sequence[Tensor | None],
    inputs: tuple[Tensor, ...],
    weights: tuple[Tensor, ...],
    create_graph: bool,
    retain_graph: bool | None = None,
) -> tuple[Tensor | None, ...]:
    """`grad`, with None wherever there is no dependence at all."""
    pairs = [(y, w) for y, w in zip(outputs, weights, strict=True) if y is not None and y.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    ys, ws = zip(*pairs)
    return grad(ys, inputs, ws, retain_graph, create_graph, allow_unused=True)


def _filled(
    name: str,
    grads: Sequence[Tensor | None],
    like: tuple[Tensor, ...],
    strict: bool,
    create_graph: bool,
    why: str,
) -> tuple[Tensor, ...]:
    """Put zeros where a gradient is None; ``strict`` refuses that, and constants where derivatives are to follow."""
    for i, g in enumerate(grads):
        if strict and g is None:
            raise RuntimeError(f"{name}: {why.format(i)}, which strict=True refuses")
        if strict and create_graph and g is not None and not g.requires_grad:
            raise RuntimeError(
                f"{name}: what is returned for number {i} does not depend on the inputs, so there is nothing to "
                "differentiate further, which strict=True with create_graph=True refuses"
            )
    return tuple(zeros_like(x) if g is None else g for g, x in zip(grads, like, strict=True))


def _finished(results: Any, create_graph: bool) -> Any:
    """Results leave with their graph only where that was asked for."""
    if create_graph:
        return results
    return tuple(y.detach() for y in results) if isinstance(results, tuple) else results.detach()
