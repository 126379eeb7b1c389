"""What is refused at the door: arguments of a wrong kind, in every family, with words that say what was wanted.

Each line is a mistake that was once answered by NumPy's or Python's own words, or by a silent wrong result.
"""

import io
import re

import numpy as np
import pytest

import minigen
import minigen.nn.functional as F
from minigen import metrics, nn, optim, plot, training
from minigen.autograd import checkpoint_sequential, jacobian
from minigen.backend import OutOfMemoryError
from minigen.data import (
    MNIST,
    DataLoader,
    Subset,
    TensorDataset,
    Toy2D,
    default_collate,
    load,
    random_split,
    read_idx,
    transforms,
    unpack,
)
from minigen.models import find_system

X = minigen.ones(4, 3)
WHOLE = minigen.ones(4, 3, dtype=minigen.int64)
SCALAR = minigen.tensor(1.0)
LABELS = minigen.tensor([0, 1, 2, 0])
HUGE = 10**13  # elements: 40 TB


def sgd(**options):
    return optim.SGD([nn.Parameter(minigen.ones(3))], lr=0.1, **options)


MISUSES = [
    # lengths, axes and other integers
    (lambda: X.view(None, 4), TypeError, "reshape: a length must be an integer, not None"),
    (
        lambda: X.reshape(2.0, 6),
        TypeError,
        "reshape: a length must be an integer, not 2.0; / makes floats, // makes integers",
    ),
    (lambda: X.expand("a", 3), TypeError, "expand: a length must be an integer, not 'a'"),
    (lambda: X.expand(-7, 3), ValueError, "expand: (4, 3) cannot be repeated to (-7, 3)"),
    (lambda: X.broadcast_to(None), TypeError, "broadcast_to: a length must be an integer, not None"),
    (lambda: X.permute(0.5, 1), TypeError, "permute: an axis must be an integer, not 0.5"),
    (lambda: X.repeat(1.5, 1), TypeError, "repeat: a number of copies must be an integer, not 1.5"),
    (lambda: minigen.tile(X, (None, 2)), TypeError, "tile: a number of copies must be an integer"),
    (lambda: X.unflatten(1, None), TypeError, "unflatten: a length must be an integer, not None"),
    (lambda: X.new_zeros(2.0), TypeError, "new_zeros: a length must be an integer, not 2.0"),
    (lambda: minigen.zeros(2, 3.0), TypeError, "zeros: a length must be an integer, not 3.0"),
    (lambda: X.split(1.5), TypeError, "split: split_size (or each of several) must be an integer, not 1.5"),
    (lambda: SCALAR.split(1), IndexError, "split: a tensor without axes"),
    (lambda: SCALAR.unbind(), IndexError, "unbind: a tensor without axes"),
    (lambda: SCALAR.size(0), IndexError, "size: a tensor without axes has no dim 0"),
    (lambda: X.narrow(0, 1, None), TypeError, "narrow: length must be an integer, not None"),
    (lambda: X.chunk(None), TypeError, "chunk: chunks must be an integer, not None"),
    (lambda: minigen.roll(X, 1.5, 0), TypeError, "roll: a shift must be an integer, not 1.5"),
    (lambda: minigen.tril(X, 1.5), TypeError, "tril: diagonal must be an integer, not 1.5"),
    (lambda: minigen.diag(X, None), TypeError, "diagonal: offset must be an integer, not None"),
    (lambda: minigen.diag_embed(X, 0.5), TypeError, "diag_embed: offset must be an integer, not 0.5"),
    (lambda: X.repeat_interleave(1.5, 0), TypeError, "repeat_interleave: repeats (or a tensor of them) must be"),
    (lambda: X.sum(minigen.tensor([0, 1])), TypeError, "sum: dim must be an integer"),
    (lambda: X.softmax(()), TypeError, "softmax: dim must be an integer, not ()"),
    (lambda: X.log_softmax((0, 1)), TypeError, "log_softmax: dim must be an integer, not (0, 1)"),
    # two axes where one and keepdim are wanted
    (lambda: X.sum(0, 1), TypeError, "sum: keepdim must be True or False, not 1; several axes are given as dim=(0, 1)"),
    (lambda: X.mean(0, 1), TypeError, "sum: keepdim must be True or False, not 1"),
    (lambda: X.max(0, 1), TypeError, "max: keepdim must be True or False, not 1"),
    (lambda: X.prod(0, 1), TypeError, "prod: keepdim must be True or False, not 1"),
    (lambda: X.logsumexp(0, 1), TypeError, "logsumexp: keepdim must be True or False, not 1"),
    (lambda: (X > 0).all(0, 1), TypeError, "all: keepdim must be True or False, not 1"),
    # dtypes
    (lambda: X.to(dtype="flo"), TypeError, "to: 'flo' is no dtype of tensors; these are minigen.float32"),
    (lambda: minigen.zeros(2, dtype=X), TypeError, "zeros: tensor("),
    (lambda: minigen.tensor([1.0], dtype=[1]), TypeError, "tensor: [1] is no dtype"),
    (lambda: minigen.tensor([1.0], dtype="complex64"), TypeError, "tensor: 'complex64' is no dtype"),
    (lambda: minigen.promote_types(None, minigen.float32), TypeError, "promote_types: None is no dtype"),
    (lambda: nn.Linear(2, 2).to(1.5), TypeError, "to: 1.5 is no dtype"),
    # numbers
    (lambda: minigen.full((2, 3), None), TypeError, "full: fill_value must be a number, not None"),
    (lambda: minigen.full((2, 3), [1.0, 2.0]), TypeError, "full: fill_value must be a number, not [1.0, 2.0]"),
    (lambda: minigen.arange(None), TypeError, "arange: end must be a number, not None"),
    (lambda: minigen.arange(0, float("inf")), ValueError, "arange: steps of 1 do not lead from 0 to inf"),
    (lambda: minigen.linspace([0, 1], 1, 5), TypeError, "linspace: start must be a number, not [0, 1]"),
    (lambda: minigen.linspace(0, 1, None), TypeError, "linspace: steps must be an integer, not None"),
    (lambda: minigen.add(X, X, alpha="2"), TypeError, "add: alpha must be a number, not '2'"),
    (lambda: minigen.addmm(minigen.ones(4, 4), X, X.T, beta=None), TypeError, "addmm: beta must be a number, not None"),
    (lambda: minigen.ones(3).add_(1.0, alpha=None), TypeError, "add_: alpha must be a number, not None"),
    (lambda: minigen.std(X, 0, correction=[1]), TypeError, "std: correction must be a number, not [1]"),
    (lambda: minigen.allclose(X, X, rtol=None), TypeError, "allclose: rtol must be a number, not None"),
    (lambda: X.clamp("a", 1.0), TypeError, "clamp: min must be a number or a Tensor, not str"),
    (lambda: minigen.ones(3).clamp_([0, 1], 2), TypeError, "clamp: min must be a number or a Tensor, not list"),
    (lambda: WHOLE + 10**30, ValueError, f"add: the number {10**30} does not fit into int64"),
    # tensors
    (
        lambda: minigen.tensor([minigen.ones(2), minigen.ones(3)]),
        ValueError,
        "tensor: the parts have the shapes (2,), (3,)",
    ),
    (lambda: minigen.add([1.0], X), TypeError, "add: a Tensor or a number is wanted, not list"),
    (lambda: minigen.sub(None, X), TypeError, "sub: a Tensor or a number is wanted, not NoneType"),
    (lambda: minigen.maximum(X, None), TypeError, "maximum: a Tensor or a number is wanted, not NoneType"),
    (lambda: minigen.pow([1.0], 2), TypeError, "pow: input must be a Tensor, not list"),
    (lambda: X.lerp([1.0], 0.5), TypeError, "lerp: a Tensor or a number is wanted, not list"),
    (lambda: minigen.equal(X, [1.0]), TypeError, "equal: other must be a Tensor, not list"),
    (lambda: minigen.allclose(X, np.ones((4, 3))), TypeError, "allclose: other must be a Tensor, not NumPy's ndarray"),
    (lambda: minigen.allclose(X, minigen.ones(2)), ValueError, "allclose: shapes (4, 3) and (2,) do not broadcast"),
    (lambda: minigen.split([X], 2), TypeError, "split: tensor must be a Tensor, not list"),
    (lambda: minigen.broadcast_tensors(X, "a"), TypeError, "broadcast_tensors: a Tensor or a number is wanted"),
    (lambda: minigen.linalg.norm([X], 2, dim=1), TypeError, "norm: A must be a Tensor, not list"),
    (lambda: X.view_as([1]), TypeError, "view_as: other must be a Tensor, not list"),
    (lambda: X.expand_as(None), TypeError, "expand_as: other must be a Tensor"),
    (lambda: X.type_as(None), TypeError, "type_as: other must be a Tensor"),
    # in place: an integer tensor would lose the fractions
    (lambda: WHOLE.clone().add_(0.5), RuntimeError, "add_: the result is float64, which does not fit into this tensor"),
    (lambda: WHOLE.clone().mul_(X), RuntimeError, "mul_: the result is float64, which does not fit"),
    (lambda: WHOLE.clone().div_(2), RuntimeError, "div_: the result is float64, which does not fit"),
    # too large
    (
        lambda: minigen.zeros(HUGE, 3),
        OutOfMemoryError,
        f"zeros: a tensor of shape ({HUGE}, 3) does not fit into memory",
    ),
    (lambda: minigen.eye(HUGE, 4), OutOfMemoryError, f"eye: a tensor of shape ({HUGE}, 4) does not fit into memory"),
    (lambda: nn.Linear(10**30, 5), RuntimeError, "does not fit into memory as float32"),
    (
        lambda: X.repeat(HUGE, 1),
        OutOfMemoryError,
        "the result of inputs of shapes (10000000000000, 4, 1, 3) does not fit into memory",
    ),
    # losses and layers
    (
        lambda: F.cross_entropy(X, LABELS, ignore_index=None),
        ValueError,
        "cross_entropy: ignore_index must be an integer",
    ),
    (lambda: F.nll_loss(X, LABELS, ignore_index=1.5), ValueError, "nll_loss: ignore_index must be an integer"),
    (
        lambda: F.binary_cross_entropy_with_logits(X, X, pos_weight=[1.0]),
        TypeError,
        "binary_cross_entropy_with_logits: pos_weight must be a Tensor, not list",
    ),
    (lambda: F.mse_loss(X, X, reduction=np.ones(2)), ValueError, "is not one of 'mean', 'sum', 'none'"),
    (lambda: nn.Flatten()([1.0]), TypeError, "Flatten: input must be a Tensor, not list"),
    (lambda: nn.Unflatten(1, (3, 1))(np.ones((4, 3))), TypeError, "Unflatten: input must be a Tensor"),
    (lambda: nn.ModuleList(3), TypeError, "ModuleList: a list of modules is wanted, not a int"),
    (lambda: nn.ModuleDict(3), TypeError, "ModuleDict: a dict is wanted, not a int"),
    (lambda: nn.ParameterList(3), TypeError, "ParameterList: a list of parameters is wanted, not a int"),
    (lambda: nn.Sequential(nn.ReLU())["0"], TypeError, "Sequential: an index must be an integer, not '0'"),
    (lambda: nn.ModuleList([]).insert(None, nn.ReLU()), TypeError, "ModuleList: an index must be an integer"),
    (lambda: nn.Linear(2, 2).apply(None), TypeError, "apply: fn must be a function, not None"),
    (lambda: nn.Linear(2, 2).get_submodule(0), TypeError, "get_submodule: target must be a name"),
    (lambda: nn.init.dirac_(minigen.ones(3, 4, 0)), ValueError, "dirac_: the kernel of (3, 4, 0) has no middle"),
    (lambda: nn.utils.parameters_to_vector(nn.Linear(2, 2)), TypeError, "not Linear; pass model.parameters()"),
    (lambda: nn.utils.parameters_to_vector([1.0]), TypeError, "parameters_to_vector: parameter 0 must be a Tensor"),
    (lambda: nn.utils.vector_to_parameters([1.0], []), TypeError, "vector_to_parameters: vec must be a Tensor"),
    (lambda: nn.utils.spectral_norm(nn.Linear(2, 2), name=None), ValueError, "Linear has no parameter None"),
    (
        lambda: nn.utils.parametrize.register_parametrization(nn.Linear(2, 2), ["weight"], nn.Tanh()),
        TypeError,
        "register_parametrization: tensor_name must be a name such as 'weight', not ['weight']",
    ),
    (lambda: nn.utils.remove_spectral_norm(X), TypeError, "remove_spectral_norm: module must be an nn.Module"),
    (lambda: nn.utils.remove_weight_norm(None), TypeError, "remove_weight_norm: module must be an nn.Module"),
    (lambda: checkpoint_sequential(3, 1, X), TypeError, "checkpoint_sequential: functions must be a list of them"),
    # optimisers and derivatives
    (lambda: sgd().step(X), TypeError, "step: closure must be a function"),
    (
        lambda: optim.lr_scheduler.MultiStepLR(sgd(), 30),
        TypeError,
        "MultiStepLR: milestones must be a list of epochs, not 30",
    ),
    (
        lambda: optim.lr_scheduler.ReduceLROnPlateau(sgd()).step(None),
        TypeError,
        "step wants the metric, one number, not None",
    ),
    (lambda: jacobian(X, X), TypeError, "jacobian: func must be a function"),
    # data
    (lambda: random_split(3, [1.0]), TypeError, "random_split: a data set that knows its length is wanted, not int"),
    (lambda: read_idx(None), TypeError, "read_idx: path must be the path of a file, not None"),
    (lambda: unpack(3, "."), TypeError, "unpack: archive must be the path of a file, not 3"),
    (lambda: MNIST(3), TypeError, "MNIST: root must be the path of a folder, not 3"),
    (lambda: Subset([1, 2, 3], 1), TypeError, "Subset: indices must be a list of integers, not 1"),
    (lambda: Subset([1, 2, 3], [0.5]), TypeError, "Subset: each of indices must be an integer, not 0.5"),
    (lambda: Subset([1, 2, 3], [0, 1])[2], IndexError, "Subset: index 2 lies outside a subset of 2 samples"),
    (lambda: random_split([1, 2, 3], 2), TypeError, "random_split: lengths must be a list of numbers, not 2"),
    (lambda: DataLoader([1, 2], collate_fn=[1]), TypeError, "DataLoader: collate_fn must be a function, not a list"),
    (lambda: default_collate(None), TypeError, "default_collate: a list of samples is wanted, not NoneType"),
    (lambda: default_collate([np.float64(1.0), 2.0]), ValueError, "sample 0 of the batch is of type float64"),
    (lambda: Toy2D(["moons"]), ValueError, "Toy2D: there is no ['moons']"),
    (lambda: Toy2D("moons", 1.5), ValueError, "Toy2D: n must be an integer >= 1, not 1.5"),
    (lambda: load(None), TypeError, "data: the name of a data set or a folder is wanted, not None"),
    (lambda: find_system(None), TypeError, "find_system: a name is wanted, not None"),
    (lambda: transforms.Normalize("abc", 1.0), ValueError, "Normalize: mean is 'abc'; it must be one number"),
    (lambda: transforms.Normalize(0.5, float("nan")), ValueError, "Normalize: std is nan; it must be one number"),
    (lambda: transforms.Resize(None), ValueError, "Resize: size is None"),
    (lambda: transforms.RandomCrop(4, padding=1.5), ValueError, "RandomCrop: padding is 1.5"),
    (lambda: transforms.RandomHorizontalFlip(None), ValueError, "RandomHorizontalFlip: p must be a number from 0 to 1"),
    (lambda: transforms.Compose(transforms.ToTensor()), TypeError, "Compose: a list of transforms is wanted"),
    (lambda: transforms.Compose([None]), TypeError, "Compose: every transform must be a function, not None"),
    # runs and pictures
    (lambda: training.load_system(None), TypeError, "load_system: path must be the path of a file, not None"),
    (lambda: training.read_config(1), TypeError, "read_config: folder must be the path of a folder, not 1"),
    (lambda: training.read_log(None), TypeError, "read_log: path must be the path of a file, not None"),
    (lambda: training.read_checkpoint(b""), TypeError, "read_checkpoint: path must be the path of a file, not b''"),
    (
        lambda: training.newest_checkpoint(None),
        TypeError,
        "checkpoints_in: folder must be the path of a folder",
    ),
    (lambda: plot.filter_grid(np.ones((4, 3, 3, 3))), TypeError, "filter_grid: weight must be a Tensor, not NumPy's"),
    (lambda: plot.plot_points([1.0], "a.png"), TypeError, "plot_points: points must be a Tensor, not list"),
    (lambda: plot.plot_points(X[:0, :2], "a.png"), ValueError, "points must be (N, 2), not (0, 2)"),
    (lambda: plot.plot_points(X[:, :2] / 0, "a.png"), ValueError, "plot_points: points hold NaN or infinity"),
    (lambda: plot.plot_curves(3, "a.png"), TypeError, "plot_curves: a log is a path, a list of dicts"),
    (lambda: plot.plot_curves([1], "a.png"), TypeError, "a list of dicts or a dict of lists, not [1]"),
    (lambda: plot.plot_curves({"loss": 1.0}, "a.png"), TypeError, "plot_curves: each curve of a dict must be a list"),
    (lambda: plot.save_gif("frames", "a.gif"), TypeError, "save_gif: frames must be a list of pictures, not str"),
    (lambda: plot.save_gif(3, "a.gif"), TypeError, "save_gif: frames must be a list of pictures, not int"),
    (lambda: plot.save_image(X, None), TypeError, "save_image: fp must be a path or an open file, not NoneType"),
    (lambda: plot.save_image(X, io.BytesIO()), ValueError, "save_image: an open file has no ending that names a"),
    (lambda: plot.save_image(X, io.BytesIO(), "xyz"), ValueError, "save_image: Pillow saves no RGB picture as 'xyz'"),
    (lambda: metrics.nearest_distances(X, 3), ValueError, "nearest_distances: reference must be (M, D), not ()"),
    (lambda: metrics.to_grey28(0.5), ValueError, "to_grey28: images must be (N, 1, H, W) or (N, 3, H, W), not ()"),
]


@pytest.mark.parametrize(("call", "error", "words"), MISUSES, ids=[words for _, _, words in MISUSES])
def test_misuse_is_told_what_to_do(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()


def test_what_pytorch_accepts_is_accepted():
    two = minigen.tensor(2)
    assert minigen.add(X, X, alpha=np.int64(2)).sum().item() == minigen.add(X, X, alpha=two).sum().item() == 36
    assert X.reshape(np.int64(2), two, 3).shape == (2, 2, 3)
    assert X.sum(0, True).shape == (1, 3)
    assert [len(part) for part in X.split(two)] == [2, 2]
    assert minigen.full((2,), two).dtype == minigen.int64
    assert minigen.linspace(SCALAR, 2, 3).tolist() == [1.0, 1.5, 2.0]
    assert X.to("float64").dtype == X.to(float).dtype == minigen.float64
    assert WHOLE.clone().add_(2).sum().item() == 36
    assert Subset([1, 2, 3], minigen.tensor([2, 0]))[0] == Subset([1, 2, 3], list(minigen.tensor([2, 0])))[0] == 3
    assert minigen.result_type(WHOLE, 1.5) == minigen.result_type(np.float64(1.5), WHOLE) == minigen.float32
    assert [minigen.tensor([SCALAR, 2.0]).shape, minigen.tensor([X, X]).shape] == [(2,), (2, 4, 3)]
    assert issubclass(OutOfMemoryError, RuntimeError)
    assert len(TensorDataset(X)) == 4
