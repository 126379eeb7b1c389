"""Moments, norms, products, running sums, order, matrix products and Einstein's sums: PyTorch's semantics at the edges.

Derivatives away from kinks are judged in tests/test_functions.py; here stand subgradients, ties, NaN, empty tensors,
tensors without axes, the ways to write arguments, and the errors.
"""

import math

import numpy as np
import pytest

import minigen

NAN, INF = float("nan"), float("inf")
X = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
TIES = np.random.default_rng(0).integers(0, 3, (4, 7)).astype(np.float32)


def assert_agrees(ours, theirs):
    pairs = zip(*(y if isinstance(y, tuple) else (y,) for y in (ours, theirs)), strict=True)
    for a, b in pairs:
        assert a.shape == tuple(b.shape) and str(a.dtype) == str(b.dtype).removeprefix("torch.")
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-6, atol=1e-6)


AS_TORCH = {
    "var": lambda m, x: x.var(),
    "var(False)": lambda m, x: x.var(False),
    "var(dim, False)": lambda m, x: x.var(1, False),
    "var(dim, True, True)": lambda m, x: m.var(x, (0, -1), True, True),
    "var(unbiased=)": lambda m, x: x.var(unbiased=False),
    "var(correction=)": lambda m, x: x.var((0, 2), correction=0.5, keepdim=True),
    "var of one element": lambda m, x: x[:1].var(0),
    "var with too large a correction": lambda m, x: x.var(0, correction=7),
    "var of nothing": lambda m, x: x[:0].var(0),
    "std(dim, False)": lambda m, x: m.std(x, 1, False),
    "std of one element": lambda m, x: x[:1].std(0),
    "var_mean": lambda m, x: m.var_mean(x, (0, 1), correction=0),
    "var_mean(False)": lambda m, x: m.var_mean(x, False),
    "std_mean": lambda m, x: m.std_mean(x, 2, keepdim=True),
    "norm": lambda m, x: x.norm(),
    "norm(1)": lambda m, x: m.norm(x, 1),
    "norm(2, dim)": lambda m, x: x.norm(2, 1),
    "norm(inf)": lambda m, x: x.norm(INF, dim=(0, 2), keepdim=True),
    "norm(-inf)": lambda m, x: x.norm(-INF, -1),
    "norm(0)": lambda m, x: (x * (x > 0)).norm(0, dim=0),
    "norm(-2)": lambda m, x: x.norm(-2.0, dim=0),
    "norm of 0-d": lambda m, x: x[0, 0, 0].norm(),
    "norm of nothing": lambda m, x: x[:0].norm(dim=0),
    "norm (fro)": lambda m, x: x.norm(p="fro", dim=(1, 2)),
    "linalg.norm": lambda m, x: m.linalg.norm(x),
    "linalg.norm(3, dim)": lambda m, x: m.linalg.norm(x, 3, dim=1, keepdim=True),
    "linalg.norm(fro)": lambda m, x: m.linalg.norm(x, "fro", dim=(0, 1)),
    "linalg.vector_norm": lambda m, x: m.linalg.vector_norm(x, 1.5, dim=(0, 1)),
    "prod": lambda m, x: x.prod(),
    "prod(dim)": lambda m, x: m.prod(x, 1, keepdim=True),
    "prod of integers": lambda m, x: (x * 3).int().prod(2),
    "prod of nothing": lambda m, x: x[:0].prod(0),
    "prod of 0-d": lambda m, x: x[0, 0, 0].prod(0, keepdim=True),
    "prod of seven": lambda m, x: x.flatten()[:7].prod(0),
    "prod in float64": lambda m, x: x.prod(0, dtype=m.float64),
    "cumsum": lambda m, x: x.cumsum(-1),
    "cumprod": lambda m, x: x.cumprod(-1),
    "cumprod of bools": lambda m, x: (x > 0).cumprod(0),
    "cumprod of 0-d": lambda m, x: x[0, 0, 0].cumprod(0),
    "cumprod of nothing": lambda m, x: m.cumprod(x[:0], 0),
    "cumprod in float64": lambda m, x: m.cumprod(x, 1, dtype=m.float64),
    "cumsum of bools": lambda m, x: (x > 0).cumsum(0),
    "cumsum of 0-d": lambda m, x: x[0, 0, 0].cumsum(0),
    "cumsum of nothing": lambda m, x: m.cumsum(x[:0], 0),
    "cumsum in float64": lambda m, x: m.cumsum(x, 1, dtype=m.float64),
    "logsumexp of 0-d": lambda m, x: x[0, 0, 0].logsumexp(0),
    "logsumexp of nothing": lambda m, x: x[:, :0].logsumexp(1),
    "logsumexp of integers": lambda m, x: x.long().logsumexp(0),
    "softmax of 0-d": lambda m, x: x[0, 0, 0].softmax(0),
    "softmax of nothing": lambda m, x: x[:, :0].softmax(1),
    "log_softmax of 0-d": lambda m, x: x[0, 0, 0].log_softmax(-1),
    "log_softmax of nothing": lambda m, x: x[:, :0].log_softmax(1),
    "softmax in float64": lambda m, x: m.softmax(x, 1, dtype=m.float64),
    "sum in float64": lambda m, x: x.sum(1, dtype=m.float64),
    "mean of integers in float32": lambda m, x: x.long().mean(dtype=m.float32),
    "sort": lambda m, x: tuple(x.sort()),
    "sort, descending": lambda m, x: tuple(m.sort(x, 0, True)),
    "sort of 0-d": lambda m, x: tuple(x[0, 0, 0].sort(0)),
    "sort of nothing": lambda m, x: tuple(x[:0].sort(0)),
    "sort of integers": lambda m, x: tuple((x * 100).long().sort(1)),
    "argsort": lambda m, x: m.argsort(x, 1, descending=True),
    "topk": lambda m, x: tuple(x.topk(2)),
    "topk, smallest": lambda m, x: tuple(m.topk(x, 3, 1, largest=False)),
    "topk of 0-d": lambda m, x: tuple(x[0, 0, 0].topk(1, 0)),
    "topk, none": lambda m, x: tuple(x.topk(0)),
    "mm": lambda m, x: m.mm(x[0], x[1].t()),
    "bmm": lambda m, x: m.bmm(x, x.mT),
    "mv": lambda m, x: x[0].mv(x[0, 0]),
    "dot": lambda m, x: m.dot(x[0, 0], x[0, 1]),
    "dot of nothing": lambda m, x: x[0, 0, :0].dot(x[0, 1, :0]),
    "outer": lambda m, x: x[0, 0].outer(x[0, :, 0]),
    "addmm": lambda m, x: m.addmm(x[0, 0, :4], x[0], x[1].t(), beta=2, alpha=0.5),
    "addmm, beta 0": lambda m, x: m.addmm(x[0, 0, :4] / 0, x[0], x[1].t(), beta=0),
    "baddbmm": lambda m, x: x[:, :1, :4].baddbmm(x, x.mT, alpha=-1),
    "div, trunc": lambda m, x: m.div(x * 10, 3, rounding_mode="trunc"),
    "div, floor": lambda m, x: (x * 10).int().div(m.tensor(3), rounding_mode="floor"),
    "round of integers": lambda m, x: x.long().round(),
    "isinf": lambda m, x: m.isinf(x[0, 0, 0] / 0),
    "0-d floor division": lambda m, x: m.tensor(7) // m.tensor(2),
    "0-d remainder": lambda m, x: m.tensor(7) % m.tensor(4),
    "0-d not": lambda m, x: ~m.tensor(True),
    "logical_xor": lambda m, x: m.logical_xor(x > 0, x.long()),
    "logical_not": lambda m, x: x.long().logical_not(),
    "new_full": lambda m, x: x.new_full((2, 1), 3, dtype=m.int64),
    "new_zeros": lambda m, x: x.new_zeros(2, 3, device="cpu"),
    "nan_to_num": lambda m, x: m.nan_to_num(x / m.zeros(5), nan=2.0),
    "lerp, at the end": lambda m, x: m.lerp(x, x[0] * 1e8, 1.0),
    "einsum, implicit order": lambda m, x: m.einsum("bA,ba", x[0], x[0]),
    "einsum, list": lambda m, x: m.einsum("ij,jk", [x[0], x[1].t()]),
    "einsum, trace": lambda m, x: m.einsum("...ii->...", x[:, :, :4]),
    "einsum, dots": lambda m, x: m.einsum("...ij,...kj", x, x[0]),
    "einsum, dots summed": lambda m, x: m.einsum("...i->i", x),
    "einsum, dots in the middle": lambda m, x: m.einsum("a...b->b...a", x),
    "einsum, length 1": lambda m, x: m.einsum("ij,ij->ij", x[0], x[0, :, :1]),
    "einsum, 0-d": lambda m, x: m.einsum(",i->i", x[0, 0, 0], x[0, 0]),
    "einsum, nothing": lambda m, x: m.einsum("ij,kj->ik", x[0, :, :0], x[1, :, :0]),
    "einsum, spaces": lambda m, x: m.einsum(" i j -> j i ", x[0]),
    "einsum, bilinear": lambda m, x: m.einsum("bi,oij,bj->bo", x[0], x[:, :, :].mT @ x, x[1]),
}


@pytest.mark.parametrize("f", AS_TORCH.values(), ids=AS_TORCH.keys())
@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch, of the variance of too few
def test_as_torch(f, torch):
    with np.errstate(all="ignore"):
        assert_agrees(f(minigen, minigen.tensor(X)), f(torch, torch.tensor(X)))


@pytest.mark.parametrize("descending", [False, True])
def test_equal_elements_stay_in_order_and_nan_is_largest(descending, torch):
    ours, theirs = (m.tensor(TIES).sort(1, descending=descending) for m in (minigen, torch))
    assert np.array_equal(
        ours.indices.numpy(), torch.tensor(TIES).sort(dim=1, descending=descending, stable=True).indices
    )
    assert np.array_equal(ours.values.numpy(), theirs.values)
    with_nan = minigen.tensor([2.0, NAN, 1.0, INF]).sort(descending=descending)
    assert with_nan.indices.tolist() == ([1, 3, 0, 2] if descending else [2, 0, 3, 1])


def test_gradient_of_sorted_values_goes_back_where_they_were():
    x = minigen.tensor([3.0, 1.0, 2.0], requires_grad=True)
    values, indices = x.sort()
    assert not indices.requires_grad
    (values * minigen.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [100.0, 1.0, 10.0]


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, INF, -INF, "fro"])
def test_subgradient_of_a_norm_at_zero_as_torch(p, torch):
    gradients = []
    for m in (minigen, torch):
        x = m.tensor([[0.0, 0.0], [3.0, 0.0]], requires_grad=True)
        x.norm(p, dim=1).sum().backward()
        gradients.append(np.zeros((2, 2)) if x.grad is None else x.grad.numpy())  # of order 0 PyTorch has none
    np.testing.assert_allclose(*gradients, rtol=1e-6)


def test_second_derivative_of_a_norm_at_zero_is_finite():
    x = minigen.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    ((x.norm(dim=1) - 1) ** 2).sum().backward(create_graph=True)
    slope = x.grad
    x.grad = None
    slope.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0], [1.936, 2.048]], rtol=1e-6)


def test_gradient_of_std_where_all_is_equal_is_zero():
    x = minigen.ones(4, requires_grad=True)
    x.std().backward()
    assert x.grad.tolist() == [0.0] * 4


@pytest.mark.parametrize("data", [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [1.0, 2.0, 0.0, 4.0, 5.0]], ids=str)
def test_gradient_of_a_product_with_zeros(data):
    x = minigen.tensor(data, requires_grad=True)
    (gradient,) = minigen.grad(x.prod(), x, create_graph=True)
    assert gradient.tolist() == [math.prod(data[:i] + data[i + 1 :]) for i in range(len(data))]
    (second,) = minigen.grad(gradient[0], x)
    assert second.tolist() == [0.0] + [math.prod(data[1:i] + data[i + 1 :]) for i in range(1, len(data))]


def test_erf_is_exact_to_the_last_digits():
    x = np.concatenate([np.linspace(-7, 7, 2001), np.logspace(-300, 0, 300), [0.46875, np.nextafter(0.46875, 1)]])
    exact = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(minigen.Tensor(x).erf().numpy(), exact, rtol=1e-15, atol=0)
    np.testing.assert_allclose(minigen.tensor(x).float().erf().numpy(), exact, rtol=3e-7, atol=1e-38)
    edges = minigen.tensor([INF, -INF, 0.0, NAN]).erf()
    assert edges.tolist()[:3] == [1.0, -1.0, 0.0] and edges.isnan().tolist() == [False, False, False, True]


def test_einsum_of_gradients_broadcasts_back(torch):
    """An axis of length 1 beside a longer one, a letter that only one operand has, a diagonal: all have gradients."""
    equation, shapes = "...ij,...jjk,l->k...i", ((2, 1, 3, 4), (5, 4, 4, 2), (3,))
    arrays = [np.random.default_rng(i).standard_normal(shape) for i, shape in enumerate(shapes)]
    gradients = []
    for m in (minigen, torch):
        xs = [m.tensor(a, requires_grad=True) for a in arrays]
        y = m.einsum(equation, *xs)
        (y * y * y).sum().backward()
        gradients.append([x.grad.numpy() for x in xs])
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: x.norm("nuc"), ValueError, r"norm.*'nuc'"),
        (lambda x: x.norm(NAN), ValueError, r"norm.*nan"),
        (lambda x: x.long().norm(), RuntimeError, r"norm.*int64.*float"),
        (lambda x: x[:0].norm(INF, 0), IndexError, r"amax"),
        (lambda x: minigen.linalg.norm(x, 2), ValueError, r"3 axes.*vector_norm"),
        (lambda x: minigen.linalg.vector_norm(x, "fro"), ValueError, r"vector_norm.*'fro'"),
        (lambda x: x.var(0, 2), TypeError, r"var: unbiased.*correction="),
        (lambda x: x.long().var(), RuntimeError, r"var.*int64"),
        (lambda x: x.cumprod(3), IndexError, r"cumprod.*3"),
        (lambda x: x.cumsum(3), IndexError, r"cumsum.*3"),
        (lambda x: x.prod(3), IndexError, r"prod.*3"),
        (lambda x: x.sort(3), IndexError, r"sort.*3"),
        (lambda x: x.topk(6), ValueError, r"topk.*0 to 5.*6"),
        (lambda x: x.topk(-1), ValueError, r"topk.*-1"),
        (lambda x: x.mm(x), ValueError, r"mm: argument 0 of shape \(3, 4, 5\) must have 2 axes"),
        (lambda x: x[0].mm(x[0]), ValueError, r"mm: \(4, 5\) and \(4, 5\)"),
        (lambda x: x.bmm(x), ValueError, r"bmm: \(3, 4, 5\)"),
        (lambda x: x.bmm(x[:2].mT), ValueError, r"bmm.*as many matrices"),
        (lambda x: x[0].mm([[1.0]]), TypeError, r"mm: argument 1 is a list"),
        (lambda x: x[0].mv(x[0]), ValueError, r"mv: argument 1"),
        (lambda x: x[0, 0].dot(x[0, 0, :2]), ValueError, r"dot: \(5,\) and \(2,\)"),
        (lambda x: x.outer(x), ValueError, r"outer: argument 0.*\(3, 4, 5\)"),
        (lambda x: x[0].addmm(x[0], x[1].t()), ValueError, r"addmm: the input of shape \(4, 5\).*\(4, 4\)"),
        (lambda x: x @ x.mT.double(), RuntimeError, r"matmul.*float32 and float64.*float\(\)"),
        (lambda x: minigen.einsum("ij,jk->ik", x[0], x[1].t().double()), RuntimeError, r"einsum.*float32 and float64"),
        (lambda x: minigen.einsum("ij,jk", x[0]), ValueError, r"einsum.*2 terms.*1 tensors"),
        (lambda x: minigen.einsum("ij->ji", x), ValueError, r"einsum.*'ij' does not name the 3 axes.*\(3, 4, 5\)"),
        (lambda x: minigen.einsum("ijk->im", x), ValueError, r"einsum.*'m'.*no operand"),
        (lambda x: minigen.einsum("ijk->ii", x), ValueError, r"einsum.*twice"),
        (lambda x: minigen.einsum("iik", x), ValueError, r"einsum.*'i'"),
        (lambda x: minigen.einsum("ij,jk", x[0], x[1]), ValueError, r"einsum.*\(4, 5\), \(4, 5\).*'j' is 5 long.*4"),
        (lambda x: minigen.einsum("i1k", x), ValueError, r"einsum.*letters"),
        (lambda x: minigen.einsum("...i...", x), ValueError, r"einsum.*'\.\.\.'"),
        (lambda x: minigen.einsum(x, "ijk"), TypeError, r"einsum.*equation comes first"),
        (lambda x: minigen.einsum("ij"), TypeError, r"einsum.*tensors"),
        (lambda x: x.div(x, rounding_mode="up"), ValueError, r"div.*'up'"),
        (lambda x: minigen.maximum(1, 2), TypeError, r"maximum.*Tensor, not int and int"),
        (lambda x: minigen.zeros_like(x, device="tpu"), ValueError, r"'tpu' is unknown"),
        (lambda x: minigen.eye(-2), ValueError, r"eye.*-2"),
        (lambda x: minigen.linspace(0, 1, -1), ValueError, r"linspace.*-1"),
        (lambda x: x.new_zeros(-1), ValueError, r"new_zeros.*-1"),
        (lambda x: x.unflatten(1, (2, 3)), ValueError, r"unflatten: \(4,\) has 4 elements.*\(2, 3\).*6"),
        (lambda x: x.reshape(5, 5), ValueError, r"reshape: \(3, 4, 5\) has 60 elements.*\(5, 5\).*25.*-1"),
        (lambda x: x.reshape(7, -1), ValueError, r"reshape.*60 is no multiple of 7"),
        (lambda x: x.reshape(-1, -1), ValueError, r"reshape.*one of them may be -1"),
        (lambda x: minigen.tensor([[1.0, 2.0], [3.0]]), ValueError, r"row 0 has 2 elements, row 1 has 1 elements"),
        (lambda x: minigen.tensor([[[1], [2, 3]]]), ValueError, r"row 0 has 1 elements, row 1 has 2 elements"),
        (lambda x: minigen.tensor([[1.0], 2.0]), ValueError, r"row 0 has 1 elements, row 1 has no sequence"),
    ],
)
def test_errors_name_function_and_shapes(f, error, words):
    with pytest.raises(error, match=words):
        f(minigen.tensor(X))
