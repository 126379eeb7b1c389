"""Choosing and placing elements by indices and masks, and moving them, as PyTorch does; and what is refused.

Derivatives are judged in tests/test_functions.py; here stand the cases that its rows do not have: no axes, nothing to
choose, indices that name a place twice, writing in place, and the errors.
"""

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F

X = np.arange(12, dtype=np.float32).reshape(3, 4)


def agree(f, torch, *arrays):
    """The function gives the same with minigen's tensors and with PyTorch's."""
    ours = f(minigen, *(minigen.tensor(a) for a in arrays))
    theirs = f(torch, *(torch.tensor(a) for a in arrays))
    for a, b in zip(*(y if isinstance(y, tuple) else (y,) for y in (ours, theirs)), strict=True):
        assert a.shape == tuple(b.shape) and str(a.dtype) == str(b.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(a.numpy(), b.numpy())


AS_TORCH = {
    "gather, 0-d of 0-d": lambda m, x: x[0, 0].gather(0, m.tensor(0)),
    "gather, vector of 0-d": lambda m, x: x[0, 0].gather(0, m.tensor([0])),
    "gather, 0-d of vector": lambda m, x: x[0].gather(-1, m.tensor(2)),
    "gather, nothing": lambda m, x: x[0].gather(0, m.zeros((2, 0), dtype=m.int64)),
    "gather, longer along dim": lambda m, x: x.gather(0, m.tensor([[0, 1, 2], [2, 1, 0], [1, 1, 1], [0, 0, 0]])),
    "take_along_dim, flat": lambda m, x: m.take_along_dim(x, m.tensor([[3], [7]])),
    "take_along_dim, negative": lambda m, x: m.take_along_dim(x, m.tensor([[-1, 0]]), 1),
    "take_along_dim, broadcast": lambda m, x: m.take_along_dim(x[:1], m.tensor([[1], [2], [3]]), 1),
    "scatter, one number": lambda m, x: x.scatter(1, m.tensor([[1, 2]]), 7.5),
    "scatter, long source": lambda m, x: m.scatter(x, 0, m.tensor([[2, 1], [0, 2]]), -x),
    "scatter, same place twice": lambda m, x: x.scatter(1, m.tensor([[1, 1, 1]]), -x),
    "scatter, nothing": lambda m, x: x.scatter(1, m.zeros((3, 0), dtype=m.int64), x),
    "scatter, 0-d": lambda m, x: x[0, 1].scatter(0, m.tensor(0), m.tensor(5.0)),
    "scatter, integers": lambda m, x: x.long().scatter(1, m.tensor([[3], [0], [1]]), 9),
    "scatter_add, long source": lambda m, x: x.scatter_add(1, m.tensor([[0, 0, 3]]), x),
    "scatter_add, integers": lambda m, x: x.long().scatter_add(0, m.tensor([[2, 2]]), x.long()),
    "index_select, 0-d index": lambda m, x: x.index_select(1, m.tensor(2)),
    "index_select, nothing": lambda m, x: x.index_select(0, m.zeros(0, dtype=m.int64)),
    "index_select, 0-d": lambda m, x: x[1, 1].index_select(0, m.tensor([0])),
    "index_add": lambda m, x: m.index_add(x, 1, m.tensor([0, 0]), x[:, :2], alpha=2),
    "index_add, 0-d": lambda m, x: x[1, 1].index_add(0, m.tensor([0]), m.tensor(3.0)),
    "masked_fill": lambda m, x: x.masked_fill(x > 5, -1),
    "masked_fill, wide mask": lambda m, x: x[0].masked_fill(m.tensor([[True], [False]]), 3),
    "masked_fill, tensor": lambda m, x: m.masked_fill(x, x < 2, m.tensor(8.0)),
    "masked_fill, infinite": lambda m, x: x.masked_fill(x > 5, float("-inf")).softmax(1).isnan(),
    "masked_select": lambda m, x: m.masked_select(x, m.tensor([True, False, True, True])),
    "nonzero": lambda m, x: m.nonzero(x > 8),
    "nonzero, tuple": lambda m, x: x.nonzero(as_tuple=True),
    "nonzero, 0-d": lambda m, x: m.tensor(3.0).nonzero(),
    "count_nonzero": lambda m, x: m.count_nonzero(x, dim=0),
    "roll, two axes": lambda m, x: x.roll((5, -1), (0, 1)),
    "roll, same axis twice": lambda m, x: m.roll(x, (1, 1), (0, 0)),
    "roll, flat": lambda m, x: x.roll(-2),
    "roll, nothing": lambda m, x: x[:0].roll(1, 0),
    "tile, short": lambda m, x: x.tile(2),
    "tile, long": lambda m, x: m.tile(x[0], (2, 1, 2)),
    "movedim": lambda m, x: x.reshape(1, 3, 4, 1).movedim((0, -1), (2, 0)),
    "swapaxes": lambda m, x: m.swapaxes(x, 0, -1),
    "transpose, 0-d": lambda m, x: x[0, 0].transpose(0, 0),
    "narrow": lambda m, x: x.narrow(1, -3, 2),
    "narrow, nothing": lambda m, x: m.narrow(x, 0, 3, 0),
    "tril": lambda m, x: x.tril(-1),
    "triu of a stack": lambda m, x: m.triu(x.reshape(2, 2, 3), 1),
    "tril hides infinities": lambda m, x: (x / 0).tril(),
    "diagonal, off the matrix": lambda m, x: x.diagonal(9),
    "diag of a matrix": lambda m, x: m.diag(x, -1),
    "diag_embed, dims": lambda m, x: x.diag_embed(1, 0, 2),
    "trace": lambda m, x: x.trace(),
    "repeat_interleave": lambda m, x: x.repeat_interleave(2),
    "repeat_interleave, tensor": lambda m, x: m.repeat_interleave(x, m.tensor([1, 0, 2]), 0),
    "meshgrid, xy": lambda m, x: m.meshgrid(x[0], x[:, 0], indexing="xy"),
    "meshgrid, 0-d": lambda m, x: m.meshgrid(x[0, 0], x[0], indexing="ij"),
    "hstack of numbers": lambda m, x: m.hstack((x[0, 0], x[0, 1])),
    "vstack of vectors": lambda m, x: m.vstack((x[0], x)),
    "broadcast_tensors": lambda m, x: m.broadcast_tensors(x[:, :1], x[0]),
    "cat that begins with nothing": lambda m, x: m.cat([m.tensor([]), x], dim=1),
    "squeeze, no axes": lambda m, x: x.reshape(3, 1, 4).squeeze(()),
    "flip of a view": lambda m, x: x.t().flip(0),
    "x[True]": lambda m, x: x[True],
    "x[..., mask]": lambda m, x: x[..., m.tensor([True, False, True, False])],
    "x[0-d bool tensor]": lambda m, x: x[m.tensor(False)],
    "one_hot": lambda m, x: m.nn.functional.one_hot(m.tensor([[0, 2], [1, 1]])),
    "one_hot, more classes": lambda m, x: m.nn.functional.one_hot(m.tensor(1), num_classes=4),
    "one_hot of nothing": lambda m, x: m.nn.functional.one_hot(m.zeros(0, dtype=m.int64), 3),
}


@pytest.mark.parametrize("f", AS_TORCH.values(), ids=AS_TORCH.keys())
def test_as_torch(f, torch):
    agree(f, torch, X)


IN_PLACE = {
    "scatter_ (one-hot labels)": lambda m, x: x.scatter_(1, m.tensor([[1], [0], [3]]), 1.0),
    "scatter_add_": lambda m, x: x.scatter_add_(0, m.tensor([[2, 2, 0, 1]]), m.ones(1, 4)),
    "index_add_": lambda m, x: x.index_add_(0, m.tensor([1, 1]), m.ones(2, 4), alpha=3),
    "masked_fill_": lambda m, x: x.masked_fill_(x > 3, 0.5),
    "lerp_ (moving average)": lambda m, x: x.lerp_(m.ones(3, 4), 0.1),
    "zero_": lambda m, x: x.zero_(),
}


@pytest.mark.parametrize("f", IN_PLACE.values(), ids=IN_PLACE.keys())
def test_in_place_writes_into_the_memory_and_counts(f, torch):
    x, y = minigen.tensor(X), torch.tensor(X)
    view, version = x.t(), x._version
    assert f(minigen, x) is x
    f(torch, y)
    np.testing.assert_allclose(view.numpy().T, y.numpy(), rtol=1e-6)
    assert x._version == version + 1


@pytest.mark.parametrize("name", [name.split(" ")[0] for name in IN_PLACE])
def test_in_place_is_refused_by_its_own_name(name):
    f = next(f for full, f in IN_PLACE.items() if full.startswith(name))
    with pytest.raises(RuntimeError, match=f"{name}.*recording"):
        f(minigen, minigen.tensor(X, requires_grad=True))
    with pytest.raises(RuntimeError, match=f"{name}.*expand"):
        f(minigen, minigen.zeros(3, 1).expand(3, 4))


def test_of_a_place_named_twice_the_last_stays_and_has_the_gradient():
    x = minigen.zeros(3, requires_grad=True)
    src = minigen.tensor([5.0, 6.0, 7.0], requires_grad=True)
    y = x.scatter(0, minigen.tensor([2, 2, 0]), src)
    assert y.tolist() == [7.0, 0.0, 6.0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0] and src.grad.tolist() == [0.0, 12.0, 14.0]


def test_what_is_masked_has_no_gradient_however_large():
    x = minigen.tensor([0.0, 4.0], requires_grad=True)
    x.masked_fill(x == 0, 1.0).sqrt().sum().backward()
    assert x.grad.tolist() == [0.0, 0.25]
    x = minigen.tensor([0.0, 4.0], requires_grad=True)
    x.sqrt().masked_fill(x == 0, 1.0).sum().backward()
    assert np.isnan(x.grad.numpy()[0]), "0 times the infinite slope of the root: mask before it, as in PyTorch"


def test_clamp_with_tensors_gives_the_gradient_to_what_acts(torch):
    data = [[-2.0, 0.0, 0.5, 3.0], [0.0, 0.0, 0.0, 2.0], [1.0, 1.0, 1.0, 1.0]]
    gradients = []
    for m in (minigen, torch):
        x, low, high = (m.tensor(row, requires_grad=True) for row in data)
        y = x.clamp(low, high)
        (y * y + y).sum().backward()
        gradients.append([t.grad.tolist() for t in (x, low, high)] + [y.tolist()])
    assert gradients[0] == gradients[1]


LONG = minigen.tensor([0, 1])


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda x: x.gather(0, LONG), ValueError, r"gather.*\(2,\).*\(3, 4\)"),
        (lambda x: x.gather(2, LONG), IndexError, r"gather.*dim 2"),
        (lambda x: x.gather(1, minigen.tensor([[4]])), IndexError, r"gather: index 4.*0 to 3"),
        (lambda x: x.gather(1, minigen.tensor([[-1]])), IndexError, r"gather: index -1"),
        (lambda x: x.gather(1, [[0]]), TypeError, r"gather.*integer tensor, not list"),
        (lambda x: x.gather(0, minigen.zeros((2, 5), dtype=minigen.int64)), ValueError, r"gather.*\(2, 5\)"),
        (lambda x: x.scatter_add(0, LONG.reshape(1, 2), LONG.reshape(1, 2)), TypeError, r"scatter_add.*int64.*float32"),
        (lambda x: x.scatter_add(0, LONG.reshape(1, 2), x[:, :1]), ValueError, r"scatter_add: src \(3, 1\).*\(1, 2\)"),
        (lambda x: x.scatter_add(0, LONG.reshape(1, 2), 1.0), TypeError, r"scatter_add: src.*Tensor.*float"),
        (lambda x: x.scatter(0, minigen.tensor([[9]]), 1.0), IndexError, r"scatter: index 9"),
        (lambda x: x.scatter(0, LONG, 1.0), ValueError, r"scatter.*\(2,\)"),
        (lambda x: x.scatter(0, LONG.reshape(1, 2), [1.0]), TypeError, r"scatter.*list"),
        (lambda x: x.index_select(0, minigen.tensor([3])), IndexError, r"index_select: index 3.*0 to 2"),
        (lambda x: x.index_select(0, minigen.tensor([-1])), IndexError, r"index_select: index -1"),
        (lambda x: x.index_select(0, LONG.reshape(1, 2)), ValueError, r"index_select.*\(1, 2\).*gather"),
        (lambda x: x.index_select(0, x), TypeError, r"index_select.*float32"),
        (lambda x: x.index_add(0, LONG, x), ValueError, r"index_add.*\(3, 4\).*\(2, 4\)"),
        (lambda x: x.index_add(0, LONG, 1.0), TypeError, r"index_add"),
        (lambda x: x.masked_fill(x, 0.0), TypeError, r"masked_fill.*bool.*float32"),
        (lambda x: x.masked_fill(minigen.zeros(3) > 0, 0.0), ValueError, r"masked_fill.*\(3,\).*\(3, 4\)"),
        (lambda x: x.masked_fill(x > 0, x), ValueError, r"masked_fill.*one number.*where"),
        (lambda x: x.long().masked_fill(x > 0, 0.5), TypeError, r"masked_fill.*int64"),
        (lambda x: x.masked_select(x), TypeError, r"masked_select.*bool"),
        (lambda x: x.take_along_dim(LONG, 0), ValueError, r"take_along_dim.*as many axes"),
        (lambda x: x.take_along_dim(LONG.reshape(1, 2), 0), ValueError, r"take_along_dim.*broadcast"),
        (lambda x: x.roll((1, 2), 0), ValueError, r"roll.*2 shifts.*1 axes"),
        (lambda x: x.roll(1, 2), IndexError, r"roll.*2"),
        (lambda x: x.movedim((0, 1), 0), ValueError, r"movedim"),
        (lambda x: x.narrow(1, 2, 3), ValueError, r"narrow: 3 slices from 2.*\(3, 4\)"),
        (lambda x: x.narrow(1, 9, 0), ValueError, r"narrow"),
        (lambda x: x[0, 0].narrow(0, 0, 1), IndexError, r"narrow"),
        (lambda x: x[0].tril(), ValueError, r"tril.*\(4,\)"),
        (lambda x: x[0].diagonal(), IndexError, r"diagonal.*1"),
        (lambda x: x.diagonal(0, 1, 1), ValueError, r"diagonal.*twice"),
        (lambda x: minigen.diag(x.reshape(1, 3, 4)), ValueError, r"diag.*\(1, 3, 4\)"),
        (lambda x: minigen.diag_embed(x[0, 0]), ValueError, r"diag_embed"),
        (lambda x: minigen.diag_embed(x, 0, 1, 1), ValueError, r"diag_embed.*twice"),
        (lambda x: x[0].trace(), ValueError, r"trace.*\(4,\)"),
        (lambda x: x.repeat_interleave(LONG, 0), ValueError, r"repeat_interleave: repeats \[0, 1\].*3"),
        (lambda x: x.repeat_interleave(-1), ValueError, r"repeat_interleave.*-1"),
        (lambda x: x.repeat(2), ValueError, r"repeat.*\(2,\).*\(3, 4\)"),
        (lambda x: x.repeat(2, -1), ValueError, r"repeat.*-1"),
        (lambda x: minigen.meshgrid(x, indexing="ij"), ValueError, r"meshgrid.*\(3, 4\)"),
        (lambda x: minigen.meshgrid(x[0], indexing="yx"), ValueError, r"meshgrid.*'yx'"),
        (lambda x: minigen.broadcast_tensors(x, x[0, :3]), ValueError, r"broadcast_tensors.*\(3, 4\), \(3,\)"),
        (lambda x: minigen.hstack([]), ValueError, r"hstack.*empty"),
        (lambda x: minigen.vstack(x), TypeError, r"vstack.*Tensor"),
        (
            lambda x: x[3],
            IndexError,
            r"index \[3\]: 3 is out of range for axis 0 of a tensor of shape \(3, 4\): use -3 to 2",
        ),
        (lambda x: x[..., 4], IndexError, r"index \[\.\.\., 4\].*axis 1"),
        (lambda x: x[:0][0], IndexError, r"empty"),
        (lambda x: x[0, 1, 2], IndexError, r"\[0, 1, 2\] is for 3 axes.*\(3, 4\) has 2"),
        (lambda x: x[..., 0, ...], IndexError, r"index"),
        (lambda x: x[[0, 3]], IndexError, r"int64 array \(2,\).*3 is out of range"),
        (lambda x: x[:, x[0] > 1, 0], IndexError, r"3 axes"),
        (lambda x: x[x[:2] > 0], IndexError, r"mask of shape \(2, 4\).*\(3, 4\)"),
        (lambda x: x[[0, 1], [0, 1, 2]], IndexError, r"broadcast"),
        (lambda x: x[::0], ValueError, r"step"),
        (lambda x: x.__setitem__(0, minigen.zeros(3)), ValueError, r"x\[i\] = v.*\(3,\).*\(4,\).*\(3, 4\)"),
        (lambda x: F.one_hot(minigen.tensor([0, 4]), 4), ValueError, r"one_hot: label 4.*0 to 3"),
        (lambda x: F.one_hot(minigen.tensor([-1])), ValueError, r"one_hot.*(num_classes|-1)"),
        (lambda x: F.one_hot(minigen.tensor([0, -1])), ValueError, r"one_hot: label -1"),
        (lambda x: F.one_hot(x), TypeError, r"one_hot.*float32.*long"),
        (lambda x: F.one_hot(minigen.tensor([True])), TypeError, r"one_hot.*bool"),
        (lambda x: F.one_hot(minigen.zeros(0).long()), ValueError, r"one_hot.*num_classes"),
        (lambda x: F.one_hot(LONG, 0), ValueError, r"one_hot.*num_classes"),
        (lambda x: F.one_hot([0, 1]), TypeError, r"one_hot"),
    ],
)
def test_errors_name_function_and_shapes(f, error, words):
    with pytest.raises(error, match=words):
        f(minigen.tensor(X))
